import { Command } from 'commander';
import type { Io } from '../io.ts';
import { authServerSettings } from '../settings/auth-server.ts';
import { examples, type JsonOption, settingsHelp, withJson } from './options.ts';

/** `spanpass server`: the auth server alone. */
export function serverCommand(io: Io): Command {
  return withJson(new Command('server'))
    .description('run the auth server alone: what Envoy asks about each request')
    .option('--config <file>', 'settings in YAML; each is also read from SPANPASS_…, which wins')
    .addHelpText('after', settingsHelp(authServerSettings))
    .addHelpText('after', '\nSIGHUP, or a change of the file, reloads what can change while it runs.')
    .addHelpText(
      'after',
      examples(
        'spanpass server --config server.yaml',
        'SPANPASS_CONTROL_PLANE=https://pass.example.com SPANPASS_AUTH_SERVER_TOKEN=… spanpass server',
      ),
    )
    .action(async ({ config, json }: JsonOption & { config?: string }) => {
      // Only now, since all that it runs takes a while to load.
      const { runAuthServer } = await import('../auth-server/run-auth-server.ts');
      await runAuthServer(io, { config, json });
    });
}

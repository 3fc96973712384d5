import { Command, InvalidArgumentError } from 'commander';
import type { Io } from '../io.ts';
import { type AuthServerSettings, authServerSettings } from '../settings/auth-server.ts';
import { examples, type JsonOption, settingsHelp, withJson } from './options.ts';

/** `spanpass server`: the auth server alone. */
export function serverCommand(io: Io): Command {
  return withJson(new Command('server'))
    .description('run the auth server alone: what Envoy asks about each request')
    .option('--config <file>', 'settings in YAML; each is also read from SPANPASS_…, which wins')
    .option('--workers <number>', "processes that answer checks, or 'auto': one for each core", workers)
    .addHelpText('after', settingsHelp(authServerSettings))
    .addHelpText('after', '\nSIGHUP, or a change of the file, reloads what can change while it runs.')
    .addHelpText(
      'after',
      examples(
        'spanpass server --config server.yaml',
        'spanpass server --config server.yaml --workers auto',
        'SPANPASS_CONTROL_PLANE=https://pass.example.com SPANPASS_AUTH_SERVER_TOKEN=… spanpass server',
      ),
    )
    .action(async ({ config, json, workers: count }: ServerFlags) => {
      // Only now, since all that it runs takes a while to load.
      const { runAuthServer } = await import('../auth-server/run-auth-server.ts');
      await runAuthServer(io, { config, json, workers: count });
    });
}

interface ServerFlags extends JsonOption {
  readonly config?: string;
  readonly workers?: AuthServerSettings['workers'];
}

function workers(text: string): AuthServerSettings['workers'] {
  const { success, data } = authServerSettings.shape.workers.safeParse(text === 'auto' ? text : Number(text));
  if (!success) throw new InvalidArgumentError("must be a number from 1 to 256, or 'auto'.");
  return data;
}

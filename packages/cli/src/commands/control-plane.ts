import type { ListenerTls } from '@spanpass/control-plane';
import { Command } from 'commander';
import { type Logger, pino } from 'pino';
import { readSecretFile } from '../config/secret.ts';
import { loadSettings } from '../config/settings.ts';
import { wrongUsage } from '../failure.ts';
import { type Io, printResult } from '../io.ts';
import { type ControlPlaneSettings, controlPlaneSettings } from '../settings/control-plane.ts';
import { untilStopped } from '../until-stopped.ts';
import { moveCommand } from './move.ts';
import { examples, type JsonOption, settingsHelp, withJson } from './options.ts';
import { restoredCommand } from './restored.ts';
import { rotateSigningKeyCommand } from './rotate-signing-key.ts';
import { snapshotKeyCommand } from './snapshot-key.ts';

/** `spanpass control-plane`: the control plane alone. */
export function controlPlaneCommand(io: Io): Command {
  return withJson(new Command('control-plane'))
    .description('run the control plane alone: the registry of pipeds and keys')
    .option('--config <file>', 'settings in YAML; each is also read from SPANPASS_…, which wins')
    .addHelpText('after', settingsHelp(controlPlaneSettings))
    .addHelpText('after', '\nWith tls, SIGHUP or a change of its files reloads the certificate.')
    .addHelpText(
      'after',
      examples(
        'spanpass control-plane --config control-plane.yaml',
        'SPANPASS_DATABASE_URL=postgresql://… SPANPASS_ENCRYPTION_KEY=… spanpass control-plane',
      ),
    )
    .action(async ({ config, json }: JsonOption & { config?: string }) => {
      const settings = await loadSettings(controlPlaneSettings, { file: config, env: io.env });
      const logger = pino({ name: 'spanpass-control-plane', level: settings.logLevel }, pino.destination(2));
      const { openListenerTls } = await import('../control-plane/listener-tls.ts');
      await using tls = settings.tls && (await openListenerTls(settings.tls, logger));
      await using controlPlane = await start(settings, { tls: tls?.current, logger });
      tls?.follow(controlPlane);
      using _hangup = tls && io.onHangup?.(() => void tls.reread());
      const { url } = controlPlane;
      await printResult(
        io,
        json,
        { url },
        () => `The control plane listens on ${url}; its API is at ${url}/openapi.json.\n`,
      );
      await untilStopped(io.stop);
    })
    .addCommand(moveCommand(io))
    .addCommand(restoredCommand(io))
    .addCommand(snapshotKeyCommand(io))
    .addCommand(rotateSigningKeyCommand(io));
}

async function start(
  {
    logLevel: _,
    databaseUrlFile,
    encryptionKeyFile,
    adminTokenFile,
    authServerTokenFile,
    oidc,
    oidcClientSecret,
    oidcClientSecretFile,
    ...settings
  }: ControlPlaneSettings,
  { tls, logger }: { tls: ListenerTls | undefined; logger: Logger },
) {
  const { startControlPlane } = await import('@spanpass/control-plane');
  const databaseUrl = await secret(settings.databaseUrl, databaseUrlFile);
  const encryptionKey = await secret(settings.encryptionKey, encryptionKeyFile);
  const adminToken = await secret(settings.adminToken, adminTokenFile);
  const authServerToken = await secret(settings.authServerToken, authServerTokenFile);
  const clientSecret = await secret(oidcClientSecret, oidcClientSecretFile);
  if (clientSecret !== undefined && oidc === undefined) throw wrongUsage('oidcClientSecret: needs oidc beside it');
  try {
    return await startControlPlane({
      ...settings,
      databaseUrl,
      encryptionKey,
      adminToken,
      authServerToken,
      oidc: oidc && { ...oidc, clientSecret },
      tls,
      // All that the environment says has been read.
      env: {},
      logger,
    });
  } catch (error) {
    if (error instanceof TypeError) throw wrongUsage(error.message);
    throw error;
  }
}

async function secret(value: string | undefined, file: string | undefined): Promise<string | undefined> {
  if (value !== undefined || file === undefined) return value;
  return readSecretFile(file, 'name a file that holds the secret');
}

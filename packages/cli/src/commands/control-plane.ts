import { Command, InvalidArgumentError, Option } from 'commander';
import { pino } from 'pino';
import { connectAdmin } from '../admin/connect.ts';
import { readSecretFile } from '../config/secret.ts';
import { loadSettings } from '../config/settings.ts';
import { wrongUsage } from '../failure.ts';
import { type Io, printResult } from '../io.ts';
import { type ControlPlaneSettings, controlPlaneSettings } from '../settings/control-plane.ts';
import { untilStopped } from '../until-stopped.ts';
import { type AdminOptions, examples, type JsonOption, settingsHelp, withAdmin, withJson } from './options.ts';

/** `spanpass control-plane`: the control plane alone. */
export function controlPlaneCommand(io: Io): Command {
  return withJson(new Command('control-plane'))
    .description('run the control plane alone: the registry of pipeds and keys')
    .option('--config <file>', 'settings in YAML; each is also read from SPANPASS_…, which wins')
    .addHelpText('after', settingsHelp(controlPlaneSettings))
    .addHelpText(
      'after',
      examples(
        'spanpass control-plane --config control-plane.yaml',
        'SPANPASS_DATABASE_URL=postgresql://… SPANPASS_ADMIN_TOKEN=… spanpass control-plane',
      ),
    )
    .action(async ({ config, json }: JsonOption & { config?: string }) => {
      const settings = await loadSettings(controlPlaneSettings, { file: config, env: io.env });
      await using controlPlane = await start(settings);
      const { url } = controlPlane;
      await printResult(
        io,
        json,
        { url },
        () => `The control plane listens on ${url}; its API is at ${url}/openapi.json.\n`,
      );
      await untilStopped(io.stop);
    })
    .addCommand(snapshotKeyCommand(io));
}

const DAY_SECONDS = 86_400;

function snapshotKeyCommand(io: Io): Command {
  return withAdmin(new Command('snapshot-key'))
    .description('print the public keys that snapshots are signed with, a JWK Set for snapshotKeysFile of auth servers')
    .addOption(
      new Option('--rotate [seconds]', 'make a new one, which signs after so long; pin what is printed before that')
        .argParser(wholeSeconds)
        .preset(String(DAY_SECONDS)),
    )
    .addHelpText(
      'after',
      examples(
        'spanpass control-plane snapshot-key > snapshot-keys.json',
        'spanpass control-plane snapshot-key --rotate',
      ),
    )
    .action(async (flags: AdminOptions & { rotate?: number }) => {
      const admin = await connectAdmin(io, flags);
      const keys =
        flags.rotate === undefined
          ? await admin.snapshotKeys()
          : await admin.rotateSnapshotKey({ signsInSeconds: flags.rotate });
      await printResult(io, true, keys, () => '');
    });
}

function wholeSeconds(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError('must be a whole number of seconds.');
  return Number(text);
}

async function start({
  logLevel,
  databaseUrlFile,
  adminTokenFile,
  authServerTokenFile,
  ...settings
}: ControlPlaneSettings) {
  const { startControlPlane } = await import('@spanpass/control-plane');
  const databaseUrl = await secret(settings.databaseUrl, databaseUrlFile);
  const adminToken = await secret(settings.adminToken, adminTokenFile);
  const authServerToken = await secret(settings.authServerToken, authServerTokenFile);
  try {
    return await startControlPlane({
      ...settings,
      databaseUrl,
      adminToken,
      authServerToken,
      // All that the environment says has been read.
      env: {},
      logger: pino({ name: 'spanpass-control-plane', level: logLevel }, pino.destination(2)),
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

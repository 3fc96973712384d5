import { followFiles } from '@spanpass/server';
import { type Logger, pino } from 'pino';
import { loadSettings } from '../config/settings.ts';
import { type Io, printResult } from '../io.ts';
import { type AuthServerSettings, authServerSettings } from '../settings/auth-server.ts';
import { untilStopped } from '../until-stopped.ts';
import { startOne } from './start-one.ts';
import { startWorkers } from './start-workers.ts';
import { workerCount } from './worker-settings.ts';

const FILE_POLL_MS = 1000;

export interface RunOptions {
  readonly config: string | undefined;
  readonly json: boolean | undefined;
  /** In place of the setting of that name. */
  readonly workers?: AuthServerSettings['workers'] | undefined;
}

/** What runs: one process, or several workers. */
export interface Running extends AsyncDisposable {
  reload(reason: 'signal' | 'file'): Promise<void>;
  /** Where it is reached: for the one who started it. */
  readonly result: object;
  readonly told: string;
}

/** Runs an auth server until it is told to stop; a hangup, or a change of the settings file, changes it meanwhile. */
export async function runAuthServer(io: Io, { config, json, workers }: RunOptions): Promise<void> {
  const load = async () => {
    const settings = await loadSettings(authServerSettings, { file: config, env: io.env });
    return workers === undefined ? settings : { ...settings, workers };
  };
  let live: Running | undefined;
  let hasChangedEarly = false;
  const paths = config === undefined ? [] : [config];
  await using _files = await followFiles({ paths, pollMs: FILE_POLL_MS }, () => {
    hasChangedEarly ||= live === undefined;
    return live?.reload('file');
  });
  const settings = await load();
  const logger = pino({ name: 'spanpass-server', level: settings.logLevel }, pino.destination(2));
  const parts = { settings, load, env: io.env, logger };
  await using running = workerCount(settings) === 1 ? await runOne(parts) : await startWorkers(parts);
  live = running;
  using _hangup = io.onHangup?.(() => running.reload('signal'));
  await printResult(io, json, running.result, () => `${running.told}\n`);
  if (hasChangedEarly) await running.reload('file');
  await untilStopped(io.stop);
}

async function runOne(parts: {
  settings: AuthServerSettings;
  load: () => Promise<AuthServerSettings>;
  env: NodeJS.ProcessEnv;
  logger: Logger;
}): Promise<Running> {
  const { auth, live, [Symbol.asyncDispose]: close } = await startOne(parts);
  const { grpcAddress, httpAddress, metricsAddress } = auth;
  return {
    reload: live.reload,
    result: { grpcAddress, httpAddress, metricsAddress },
    told:
      `The auth server answers Envoy on ${grpcAddress}${httpAddress === undefined ? '' : `, and over HTTP on ${httpAddress}`}; ` +
      `metrics, /healthz and /readyz are on ${metricsAddress}.`,
    [Symbol.asyncDispose]: close,
  };
}

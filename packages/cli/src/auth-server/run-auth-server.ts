import { followFiles, startAuthServer } from '@spanpass/server';
import { pino } from 'pino';
import { loadSettings } from '../config/settings.ts';
import { wrongUsage } from '../failure.ts';
import { type Io, printResult } from '../io.ts';
import { type AuthServerSettings, authServerSettings } from '../settings/auth-server.ts';
import { untilStopped } from '../until-stopped.ts';
import { type LiveServer, liveServer } from './live.ts';
import { type OpenRules, openRules } from './open-rules.ts';
import { changesOf, controlPlaneOf } from './parts.ts';
import { openTraces } from './traces.ts';

const FILE_POLL_MS = 1000;

export interface RunOptions {
  readonly config: string | undefined;
  readonly json: boolean | undefined;
}

/** Runs an auth server until it is told to stop; a hangup, or a change of the settings file, changes it meanwhile. */
export async function runAuthServer(io: Io, { config, json }: RunOptions): Promise<void> {
  const load = () => loadSettings(authServerSettings, { file: config, env: io.env });
  let live: LiveServer | undefined;
  let hasChangedEarly = false;
  const paths = config === undefined ? [] : [config];
  await using _files = await followFiles({ paths, pollMs: FILE_POLL_MS }, () => {
    hasChangedEarly ||= live === undefined;
    return live?.reload('file');
  });
  const started = await start(await load(), load, io.env);
  await using _traces = started.traces;
  await using running = started.live;
  live = running;
  using _hangup = io.onHangup?.(() => running.reload('signal'));
  const { grpcAddress, httpAddress, metricsAddress } = started.auth;
  await printResult(
    io,
    json,
    { grpcAddress, httpAddress, metricsAddress },
    () =>
      `The auth server answers Envoy on ${grpcAddress}${httpAddress === undefined ? '' : `, and over HTTP on ${httpAddress}`}; ` +
      `metrics, /healthz and /readyz are on ${metricsAddress}.\n`,
  );
  if (hasChangedEarly) await live.reload('file');
  await untilStopped(io.stop);
}

async function start(settings: AuthServerSettings, load: () => Promise<AuthServerSettings>, env: NodeJS.ProcessEnv) {
  const controlPlane = await controlPlaneOf(settings);
  const logger = pino({ name: 'spanpass-server', level: settings.logLevel }, pino.destination(2));
  const onError = (error: Error) => logger.warn({ problem: error.message }, 'a file of pipeds is not taken');
  const open = (changed: AuthServerSettings, former?: OpenRules) => openRules(changed, onError, former);
  const traces = await openTraces(settings, env, logger);
  const opened = await open(settings).catch(asWrongUsage);
  try {
    const { metricsTls, ...changes } = changesOf(settings, opened);
    const { host, grpcPort: port, metricsHost, metricsPort, drainDelayMs, drainTimeoutMs, docsUrl } = settings;
    const auth = await startAuthServer({
      ...changes,
      controlPlane,
      host,
      port,
      http: httpOf(settings),
      metrics: { host: metricsHost, port: metricsPort, ...(metricsTls && { tls: metricsTls }) },
      drainDelayMs,
      drainTimeoutMs,
      ...(traces && { tracerProvider: traces.tracerProvider }),
      ...(docsUrl !== undefined && { docsUrl }),
      logger,
    });
    return { auth, traces, live: liveServer({ auth, settings, opened, load, open, logger }) };
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    await traces?.[Symbol.asyncDispose]();
    return asWrongUsage(error);
  }
}

function httpOf({ httpHost: host, httpPort: port, httpDialects: dialects }: AuthServerSettings) {
  return port !== false && { host, port, ...(dialects && { dialects }) };
}

function asWrongUsage(error: unknown): never {
  if (error instanceof TypeError) throw wrongUsage(error.message);
  throw error;
}

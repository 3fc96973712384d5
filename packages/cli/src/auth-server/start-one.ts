import { availableParallelism } from 'node:os';
import { type AuthServer, startAuthServer } from '@spanpass/server';
import type { Logger } from 'pino';
import { wrongUsage } from '../failure.ts';
import type { AuthServerSettings } from '../settings/auth-server.ts';
import { type LiveServer, liveServer } from './live.ts';
import { type OpenRules, openRules } from './open-rules.ts';
import { changesOf, controlPlaneOf } from './parts.ts';
import { openTraces } from './traces.ts';
import { workerCount } from './worker-settings.ts';

export interface StartOneOptions {
  readonly settings: AuthServerSettings;
  /** The settings as they are when they are to be read again. */
  load(): Promise<AuthServerSettings>;
  readonly env: NodeJS.ProcessEnv;
  readonly logger: Logger;
  /** For one of several workers, whose metrics another process serves. */
  readonly worker?: { readonly sharedPorts: boolean };
}

export interface StartedServer extends AsyncDisposable {
  readonly auth: AuthServer;
  readonly live: LiveServer;
}

/** An auth server in this process, by the settings, with all that it is made of. */
export async function startOne({ settings, load, env, logger, worker }: StartOneOptions): Promise<StartedServer> {
  const controlPlane = await controlPlaneOf(settings);
  const onError = (error: Error) => logger.warn({ problem: error.message }, 'a file of pipeds is not taken');
  const open = (changed: AuthServerSettings, former?: OpenRules) => openRules(changed, onError, former);
  const traces = await openTraces(settings, env, logger);
  const opened = await open(settings).catch(asWrongUsage);
  try {
    const { metricsTls, ...changes } = changesOf(settings, opened);
    const {
      host,
      grpcPort: port,
      grpcTransport,
      metricsHost,
      metricsPort,
      drainDelayMs,
      drainTimeoutMs,
      docsUrl,
      maxDecisions,
    } = settings;
    const metrics = { host: metricsHost, port: metricsPort, ...(metricsTls && { tls: metricsTls }) };
    const auth = await startAuthServer({
      ...changes,
      controlPlane,
      host,
      port,
      grpcTransport,
      http: httpOf(settings),
      metrics: worker === undefined && metrics,
      ...(worker && {
        sharedPorts: worker.sharedPorts,
        verificationThreads: workerCount(settings) < availableParallelism(),
      }),
      ...(maxDecisions !== undefined && { maxDecisions }),
      drainDelayMs,
      drainTimeoutMs,
      ...(traces && { tracerProvider: traces.tracerProvider }),
      ...(docsUrl !== undefined && { docsUrl }),
      logger,
    });
    const live = liveServer({ auth, settings, opened, load, open, logger });
    const close = async () => {
      await live[Symbol.asyncDispose]();
      await traces?.[Symbol.asyncDispose]();
    };
    return { auth, live, [Symbol.asyncDispose]: close };
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

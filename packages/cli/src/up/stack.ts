import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type AuthServer, type Server, startAuthServer } from '@spanpass/server';
import { pino } from 'pino';
import { Failure } from '../failure.ts';
import { createForwarder } from '../forward/forwarder.ts';
import { type ForwardTarget, refuseOwnAddress } from '../forward/target.ts';
import { startOpsServer } from '../ops/ops-server.ts';
import { receiverSource, servedSource } from '../ops/sources.ts';
import { ACCEPTED } from '../receiver/outcome.ts';
import type { Sink } from '../receiver/pipeline.ts';
import { TraceStore } from '../receiver/trace-store.ts';
import { Cleanup } from './cleanup.ts';
import type { EmbeddedControlPlane } from './control-plane.ts';
import { type Gateway, startBuiltInGateway, startEnvoyGateway } from './gateway.ts';
import { waitUntilReady } from './wait-ready.ts';

const HOST = '127.0.0.1';
const READY_WITHIN_MS = 30_000;

export interface StackPorts {
  readonly controlPlane: number;
  readonly auth: number;
  readonly authHttp: number;
  readonly metrics: number;
  readonly grpc: number;
  readonly http: number;
}

export interface StackOptions {
  readonly ports: StackPorts;
  readonly dataDir: string;
  /** Envoy's executable; without it the built-in receiver checks by itself. */
  readonly envoy: string | undefined;
  /** Where telemetry goes on to. */
  readonly forwardTo: ForwardTarget | undefined;
  /** Keep traces in memory: also those that went on. */
  readonly keepTraces: boolean;
  readonly stop: AbortSignal;
  readonly progress: (line: string) => void | Promise<void>;
  readonly startControlPlane: (options: {
    dataDir: string;
    host: string;
    port: number;
    jaegerUrl: string;
  }) => Promise<EmbeddedControlPlane>;
  /** For tests: what the built-in gateway asks in the place of the auth server's own. */
  readonly serverOf?: (auth: AuthServer) => Server;
}

/** All of spanpass, running. */
export interface Stack extends AsyncDisposable {
  readonly dataDir: string;
  readonly forwardTo: ForwardTarget | undefined;
  readonly controlPlaneUrl: string;
  readonly adminToken: string;
  /** `host:port` of checks over gRPC, and over HTTP. */
  readonly authAddress: string;
  readonly authHttpAddress: string;
  readonly metricsUrl: string;
  /** `host:port` of OTLP/gRPC and OTLP/HTTP. */
  readonly grpcAddress: string;
  readonly httpAddress: string;
  readonly gateway: string;
  readonly traces: TraceStore;
  /** Settles if a part ends by itself, with the reason. */
  readonly ended: Promise<string>;
}

/**
 * Starts the control plane, the auth server, the gateway, and the ops server for all of them, and waits until the whole
 * way of a check is there. What was started is stopped again when something fails.
 *
 * @throws Failure in one line that says what to do
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { ports, dataDir, forwardTo, progress, stop } = options;
  if (forwardTo) await refuseOwnAddress(forwardTo, [ports.grpc, ports.http]);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const cleanup = new Cleanup();
  try {
    await progress('starting the control plane on its embedded database …');
    const controlPlane = cleanup.add(
      await options.startControlPlane({
        dataDir,
        host: HOST,
        port: ports.controlPlane,
        jaegerUrl: `http://${HOST}:${ports.metrics}`,
      }),
    );
    stop.throwIfAborted();
    await progress(
      `starting the auth server and the gateway (${options.envoy ? 'Envoy' : 'built in, without Envoy'}) …`,
    );
    const auth = cleanup.add(await authServer(options, controlPlane));
    const traces = new TraceStore();
    let gatewayLives = false;
    const { source, observe } = receiverSource(traces, () => gatewayLives);
    const sink = sinkOf(options, traces, cleanup);
    const gateway = cleanup.add(await startGateway(options, auth, { sink, observe }));
    gatewayLives = true;
    gateway.ended.then(() => {
      gatewayLives = false;
    });
    const metricsUrl = `http://${HOST}:${ports.metrics}`;
    const sources = [
      servedSource('control plane', controlPlane.url),
      servedSource('auth server', `http://${auth.metricsAddress}`),
      source,
    ];
    cleanup.add(await startOpsServer({ host: HOST, port: ports.metrics, sources, traces }));
    await Promise.race([
      waitUntilReady({
        gatewayUrl: `http://${HOST}:${ports.http}`,
        readyUrl: `${metricsUrl}/readyz`,
        timeoutMs: READY_WITHIN_MS,
        stop,
      }),
      gateway.ended.then(reason => Promise.reject(new Failure(`the gateway did not start: ${reason}`))),
    ]);
    return {
      dataDir,
      forwardTo,
      controlPlaneUrl: controlPlane.url,
      adminToken: controlPlane.adminToken,
      authAddress: auth.grpcAddress,
      authHttpAddress: `${HOST}:${ports.authHttp}`,
      metricsUrl,
      grpcAddress: `${HOST}:${ports.grpc}`,
      httpAddress: `${HOST}:${ports.http}`,
      gateway: gateway.description,
      traces,
      ended: gateway.ended,
      [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
    };
  } catch (error) {
    await cleanup[Symbol.asyncDispose]().catch(() => {});
    throw error;
  }
}

function authServer({ ports, dataDir }: StackOptions, controlPlane: EmbeddedControlPlane): Promise<AuthServer> {
  const log = pino.destination({ dest: join(dataDir, 'auth-server.log'), sync: true, mode: 0o600, append: false });
  return startAuthServer({
    controlPlane: { url: controlPlane.url, token: controlPlane.authServerToken },
    host: HOST,
    port: ports.auth,
    http: { host: HOST, port: ports.authHttp },
    metrics: { host: HOST, port: 0 },
    // Whoever tries it out wants to see it.
    usageReportEveryMs: 2_000,
    drainTimeoutMs: 1_000,
    logger: pino({ name: 'auth-server' }, log),
  });
}

function startGateway(
  { ports, envoy, dataDir, serverOf = auth => auth.observedServer }: StackOptions,
  auth: AuthServer,
  pipeline: Pick<Parameters<typeof startBuiltInGateway>[0], 'sink' | 'observe'>,
): Promise<Gateway> {
  const listen = { host: HOST, grpcPort: ports.grpc, httpPort: ports.http, ...pipeline };
  return envoy === undefined
    ? startBuiltInGateway({ ...listen, server: serverOf(auth) })
    : startEnvoyGateway({ ...listen, executable: envoy, authEndpoint: auth.grpcAddress, dataDir });
}

function sinkOf({ forwardTo, keepTraces }: StackOptions, traces: TraceStore, cleanup: Cleanup): Sink {
  const forwarder = forwardTo && createForwarder(forwardTo);
  if (forwarder) cleanup.add({ [Symbol.asyncDispose]: async () => forwarder.close() });
  return async (batch, identity) => {
    const outcome = forwarder ? await forwarder.forward(batch.signal, batch.encode()) : ACCEPTED;
    if (outcome.kind === 'accepted' && (keepTraces || !forwarder)) traces.add(batch, identity);
    return outcome;
  };
}

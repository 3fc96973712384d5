import type { Engines } from '../engines/describe.ts';
import { type Admin, createAdmin } from '../harness/admin.ts';
import { startCollector } from '../harness/collector.ts';
import { startEnvoy } from '../harness/envoy.ts';
import { freePorts } from '../harness/ports.ts';
import { startPostgres } from '../harness/postgres.ts';
import type { RunningProcess } from '../harness/process.ts';
import { startAuthServer, startControlPlane } from '../harness/servers.ts';
import type { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { type DelayProxy, startDelayProxy } from './delay-proxy.ts';
import { type KeptSink, startKeptSink } from './kept-sink.ts';

export const PART_NAMES = ['envoy', 'auth-1', 'auth-2', 'collector', 'control-plane', 'postgres', 'sink'] as const;
export type PartName = (typeof PART_NAMES)[number];

/** One process that can be killed, started again in its place, and frozen. */
export interface Part {
  kill(): Promise<void>;
  /** Politely. */
  stop(): Promise<void>;
  start(): Promise<void>;
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
}

export interface Stack {
  readonly parts: Readonly<Record<PartName, Part>>;
  /** Between the gateway and each auth server. */
  readonly waysToAuth: readonly DelayProxy[];
  readonly sink: KeptSink;
  readonly admin: Admin;
  readonly gatewayUrl: string;
}

const gatewayToken = 'gateway-token-of-the-chaos';
const adminToken = 'admin-token-of-the-chaos-0123456789';
const authServerToken = 'auth-server-token-of-the-chaos-0123456789';

/** The whole way, with two auth servers, on PostgreSQL, each part a process of its own. */
export async function startStack(
  stage: Stage,
  { envoy, otelcol, postgres }: Engines<'envoy' | 'otelcol' | 'postgres'>,
): Promise<Stack> {
  const folder = await tempDir(stage, 'chaos');
  const ports = await freePorts('controlPlane', 'auth1', 'auth2', 'metrics1', 'metrics2');
  const controlPlaneUrl = `http://127.0.0.1:${ports.controlPlane}`;
  const database = await startPostgres(stage, postgres);
  const sink = await startKeptSink(stage);
  const exportTo = [{ protocol: 'http', endpoint: sink.url, encoding: 'json' } as const];
  const collector = await startCollector(stage, otelcol, { exportTo }, gatewayToken);
  const startPlane = () =>
    startControlPlane(stage, {
      folder,
      port: ports.controlPlane,
      adminToken,
      authServerToken,
      databaseUrl: database.url,
    });
  const controlPlane = part(await startPlane(), startPlane);
  const auths = [
    { grpcPort: ports.auth1, metricsPort: ports.metrics1 },
    { grpcPort: ports.auth2, metricsPort: ports.metrics2 },
  ].map(own => () => startAuthServer(stage, { ...own, controlPlaneUrl, token: authServerToken }));
  const [auth1, auth2] = await Promise.all(auths.map(async start => part(await start(), start)));
  if (!auth1 || !auth2) throw new Error('two auth servers were to start');
  const waysToAuth = await Promise.all([ports.auth1, ports.auth2].map(port => startDelayProxy(stage, port)));
  const gateway = await startEnvoy(
    stage,
    envoy,
    {
      auth: { mode: 'grpc', endpoints: waysToAuth.map(({ endpoint }) => endpoint) },
      upstream: { grpc: [collector.grpcEndpoint], http: [collector.httpEndpoint] },
    },
    gatewayToken,
  );
  const restartGateway = async () => {
    await gateway.restart();
    return gateway.process;
  };
  return {
    parts: {
      envoy: part(gateway.process, restartGateway),
      'auth-1': auth1,
      'auth-2': auth2,
      collector: part(collector.process, () => collector.restart()),
      'control-plane': controlPlane,
      // It is many processes.
      postgres: { ...part(database.process, () => database.restart()), kill: database.kill, signal: database.signal },
      sink: part(sink.process, () => sink.restart()),
    },
    waysToAuth,
    sink,
    admin: createAdmin(controlPlaneUrl, adminToken, folder),
    gatewayUrl: `http://127.0.0.1:${gateway.grpcPort}`,
  };
}

export function part(first: RunningProcess, start: () => Promise<RunningProcess>): Part {
  let running = first;
  return {
    kill: () => running.stop('SIGKILL'),
    stop: () => running.stop(),
    async start() {
      running = await start();
    },
    signal: signal => running.signal(signal),
  };
}

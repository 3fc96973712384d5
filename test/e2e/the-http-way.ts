import { type Client, createClient } from '@spanpass/client';
import type { Engine } from '../engines/index.ts';
import { type Admin, createAdmin, type EnrolledPiped } from '../harness/admin.ts';
import { startCollector } from '../harness/collector.ts';
import { freePorts } from '../harness/ports.ts';
import type { RunningProcess } from '../harness/process.ts';
import { type AuthServerSettings, startAuthServer, startControlPlane } from '../harness/servers.ts';
import { type Sink, startSink } from '../harness/sink.ts';
import type { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';

const gatewayToken = 'gateway-token-of-the-suites';
const adminToken = 'admin-token-of-the-suites-0123456789';
const authServerToken = 'auth-server-token-of-the-suites-0123456789';

/** A gateway that asks over HTTP. */
export interface HttpGateway {
  readonly grpcPort: number;
  readonly httpPort: number;
  logged(members: Readonly<Record<string, string>>): Promise<void>;
  /** All that it printed and logged. */
  output(): Promise<string>;
}

/** What is around it: all `host:port`. */
export interface Surroundings {
  readonly authEndpoint: string;
  readonly upstreamGrpc: string;
  readonly upstreamHttp: string;
  readonly checkMs: number;
  readonly gatewayToken: string;
}

export type StartGateway = (stage: Stage, surroundings: Surroundings) => Promise<HttpGateway>;

/** The way of the data through a gateway that asks over HTTP, each part a process of its own, and one piped. */
export interface TheHttpWay {
  readonly sink: Sink;
  readonly admin: Admin;
  readonly controlPlane: RunningProcess;
  readonly authServer: RunningProcess;
  readonly settings: AuthServerSettings;
  readonly surroundings: Surroundings;
  readonly gateway: HttpGateway;
  readonly piped: EnrolledPiped;
  readonly client: Client;
}

export async function startTheHttpWay(stage: Stage, otelcol: Engine, startGateway: StartGateway): Promise<TheHttpWay> {
  const folder = await tempDir(stage, 'http-way');
  const ports = await freePorts('controlPlane', 'grpc', 'http', 'metrics');
  const controlPlaneUrl = `http://127.0.0.1:${ports.controlPlane}`;
  const sink = await startSink(stage);
  const exportTo = [{ protocol: 'http' as const, endpoint: sink.url, encoding: 'json' as const }];
  const collector = await startCollector(stage, otelcol, { exportTo }, gatewayToken);
  const controlPlane = await startControlPlane(stage, {
    folder,
    port: ports.controlPlane,
    adminToken,
    authServerToken,
  });
  const settings: AuthServerSettings = {
    grpcPort: ports.grpc,
    httpPort: ports.http,
    metricsPort: ports.metrics,
    controlPlaneUrl,
    token: authServerToken,
  };
  const authServer = await startAuthServer(stage, settings);
  const surroundings = {
    authEndpoint: `127.0.0.1:${ports.http}`,
    upstreamGrpc: collector.grpcEndpoint,
    upstreamHttp: collector.httpEndpoint,
    checkMs: 1_000,
    gatewayToken,
  };
  const gateway = await startGateway(stage, surroundings);
  const admin = createAdmin(controlPlaneUrl, adminToken, folder);
  const piped = await admin.enroll('shop', 'piped-1');
  const client = createClient({ keyFile: piped.keyFilePath });
  stage.defer(() => client[Symbol.asyncDispose]());
  return { sink, admin, controlPlane, authServer, settings, surroundings, gateway, piped, client };
}

import type { CollectorOptions } from 'spanpass';
import type { Engines } from '../engines/describe.ts';
import { type Admin, createAdmin } from '../harness/admin.ts';
import { type RunningCollector, startCollector } from '../harness/collector.ts';
import { type GatewayOptions, type RunningEnvoy, startEnvoy } from '../harness/envoy.ts';
import { freePorts } from '../harness/ports.ts';
import type { RunningProcess } from '../harness/process.ts';
import { type AuthServerSettings, startAuthServer, startControlPlane } from '../harness/servers.ts';
import { type Sink, startSink } from '../harness/sink.ts';
import type { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';

/** All of it, each part a process of its own: Envoy, the auth server, the control plane, the Collector, and a backend. */
export interface TheWay {
  readonly sink: Sink;
  readonly collector: RunningCollector;
  readonly gateway: RunningEnvoy;
  readonly controlPlane: RunningProcess;
  readonly admin: Admin;
  readonly authServer: RunningProcess;
  readonly metricsUrl: string;
  /** `host:port` where the gateway asks. */
  readonly authEndpoint: string;
  /** Starts an auth server like the first one in its place, after that one was stopped. */
  restartAuthServer(): Promise<RunningProcess>;
  /** Starts one more gateway before the same servers. */
  anotherGateway(authTls?: GatewayAuthTls, other?: OtherGateway): Promise<RunningEnvoy>;
}

const gatewayToken = 'gateway-token-of-the-suites';
const adminToken = 'admin-token-of-the-suites-0123456789';
const authServerToken = 'auth-server-token-of-the-suites-0123456789';

export interface WayOptions {
  /** One whole Check at the gateway; short where a suite waits for it to fail. */
  readonly checkMs?: number;
  /** The control plane's PostgreSQL; embedded by default. */
  readonly databaseUrl?: string;
  /** The auth server's settings file. */
  readonly config?: string;
  /** How the gateway speaks TLS to the auth server. */
  readonly authTls?: GatewayAuthTls;
  /** Backends that the Collector sends to besides the sink. */
  readonly alsoExportTo?: CollectorOptions['exportTo'];
}

interface OtherGateway {
  /** Its own certificate, and whose certificates of clients it demands. */
  readonly tls?: GatewayOptions['tls'];
  /** Whether it asks the auth server over HTTP. */
  readonly overHttp?: boolean;
}

/** As in the options of the generated configuration. */
type GatewayAuthTls = NonNullable<NonNullable<GatewayOptions['auth']>['tls']>;

export async function startTheWay(
  stage: Stage,
  { envoy, otelcol }: Engines<'envoy' | 'otelcol'>,
  { checkMs = 5_000, databaseUrl, config, authTls: firstTls, alsoExportTo = [] }: WayOptions = {},
): Promise<TheWay> {
  const folder = await tempDir(stage, 'way');
  const ports = await freePorts('controlPlane', 'auth', 'http', 'metrics');
  const controlPlaneUrl = `http://127.0.0.1:${ports.controlPlane}`;

  const sink = await startSink(stage);
  const [collector, controlPlane] = await Promise.all([
    startCollector(
      stage,
      otelcol,
      { exportTo: [{ protocol: 'http', endpoint: sink.url, encoding: 'json' }, ...alsoExportTo] },
      gatewayToken,
    ),
    startControlPlane(stage, { folder, port: ports.controlPlane, adminToken, authServerToken, databaseUrl }),
  ]);
  const settings: AuthServerSettings = {
    grpcPort: ports.auth,
    httpPort: ports.http,
    metricsPort: ports.metrics,
    controlPlaneUrl,
    token: authServerToken,
    config,
  };
  const authServer = await startAuthServer(stage, settings);
  const authEndpoint = `127.0.0.1:${ports.auth}`;
  const anotherGateway = (authTls?: GatewayAuthTls, { tls, overHttp = false }: OtherGateway = {}) =>
    startEnvoy(
      stage,
      envoy,
      {
        auth: {
          ...(overHttp
            ? { mode: 'http', endpoints: [`127.0.0.1:${ports.http}`] }
            : { mode: 'grpc', endpoints: [authEndpoint] }),
          ...(authTls && { tls: authTls }),
        },
        upstream: { grpc: [collector.grpcEndpoint], http: [collector.httpEndpoint] },
        clusterTimeouts: { checkMs },
        ...(tls && { tls }),
      },
      gatewayToken,
    );
  const gateway = await anotherGateway(firstTls);
  return {
    sink,
    collector,
    gateway,
    controlPlane,
    admin: createAdmin(controlPlaneUrl, adminToken, folder),
    authServer,
    metricsUrl: `http://127.0.0.1:${ports.metrics}`,
    authEndpoint,
    anotherGateway,
    restartAuthServer: () => startAuthServer(stage, settings),
  };
}

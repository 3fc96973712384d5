import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { type Logger, pino } from 'pino';
import {
  type ForwardedCertificateOptions,
  withForwardedCertificates,
} from './authenticators/mtls/forwarded-certificate.ts';
import { pipedJwt } from './authenticators/piped-jwt.ts';
import { Cleanup } from './cleanup.ts';
import type { Authenticator, Server } from './contract.ts';
import { createServer } from './create-server.ts';
import { EXT_AUTHZ_SERVICE, extAuthzService } from './ext-authz/service.ts';
import { ControlPlaneKeys, type ControlPlaneKeysOptions } from './keys/control-plane-keys.ts';
import { joinObservers } from './observer.ts';
import { startOperations } from './operations/endpoints.ts';
import { assertListenable, ListenError } from './operations/listening.ts';
import { createMetrics } from './operations/metrics.ts';
import { refusalLog } from './operations/refusal-log.ts';
import { wholeNumber } from './options.ts';

export interface AuthServerOptions {
  /** The control plane to ask for keys, and how. */
  readonly controlPlane: Omit<
    ControlPlaneKeysOptions,
    'observer' | 'onFreshness' | 'onFeedProblem' | 'onLookupFailure'
  >;
  /** This gateway's id, the `aud` of credentials for it. Default `spanpass-gateway`. */
  readonly gatewayAudience?: string;
  /**
   * Who is asked for a pass, in this order. `piped-jwt` stands for the one that takes keys from the control plane.
   * Default that one alone. Whatever else an authenticator holds open is its maker's to close.
   */
  readonly authenticators?: readonly ('piped-jwt' | Authenticator)[];
  /** Proxies whose `x-forwarded-client-cert` is believed. Default: the header is not looked at. */
  readonly forwardedCertificates?: ForwardedCertificateOptions;
  /** Where Envoy asks. Default `127.0.0.1`, port 9086; port 0 takes any. */
  readonly host?: string;
  readonly port?: number;
  /** `/metrics`, `/healthz` and `/readyz`; `false` for none. Default `127.0.0.1`, port 9464. */
  readonly metrics?: { readonly host?: string; readonly port?: number } | false;
  /** How long checks under way may take when the server stops, in milliseconds. Default 10,000. */
  readonly drainTimeoutMs?: number;
  /** Default: JSON lines on standard output. */
  readonly logger?: Logger;
}

export interface AuthServer extends AsyncDisposable {
  readonly server: Server;
  /** `host:port` of the ext_authz service and of gRPC health. */
  readonly grpcAddress: string;
  /** `host:port` of metrics and probes. */
  readonly metricsAddress?: string;
}

/** A CheckRequest holds the headers and a certificate; 64 KiB of headers must still arrive to be refused by name. */
const MAX_MESSAGE_BYTES = 262_144;

/**
 * Starts an auth server for a gateway: credentials of pipeds, keys from the control plane, Envoy's ext_authz over gRPC,
 * gRPC health (SERVING only while checks can be decided), metrics and probes. A control plane that is down is no reason
 * not to start: until it is reached, checks are refused as `key_source_unavailable`.
 *
 * To stop, dispose it: health says NOT_SERVING, checks under way are answered, then the ports close.
 *
 * @throws ListenError if a port can't be listened on
 * @throws TypeError for options that can't be meant
 * @example
 * await using auth = await startAuthServer({ controlPlane: { token } });
 */
export async function startAuthServer(options: AuthServerOptions): Promise<AuthServer> {
  const { host = '127.0.0.1', port = 9086, logger = pino({ name: 'spanpass-server' }) } = options;
  const drainTimeoutMs = wholeNumber('drainTimeoutMs', options.drainTimeoutMs ?? 10_000, 0);
  const health = new HealthImplementation();
  const setHealth = (serving: boolean) => {
    for (const service of ['', EXT_AUTHZ_SERVICE]) health.setStatus(service, serving ? 'SERVING' : 'NOT_SERVING');
  };
  let draining = false;
  const isReady = () => !draining && keys.isReady;

  const metrics = createMetrics({ feedLagSeconds: () => keys.feedLagMs / 1000, isReady });
  const observer = joinObservers(metrics.observer, refusalLog(logger));
  let lastProblem = '';
  const keys = new ControlPlaneKeys({
    ...options.controlPlane,
    observer,
    onFreshness: freshness => {
      setHealth(isReady());
      lastProblem = '';
      logger.info({ freshness }, 'keys');
    },
    // One line for each reason, not for each attempt. A lookup that failed is told with the check that it failed.
    onFeedProblem: problem => {
      const reason = JSON.stringify(problem);
      if (reason !== lastProblem) logger.warn({ problem }, 'no change feed from the control plane');
      lastProblem = reason;
    },
  });
  const audience = options.gatewayAudience;
  const { authenticators = ['piped-jwt'] } = options;
  const chain = authenticators.map(one =>
    one === 'piped-jwt' ? pipedJwt({ keys, ...(audience !== undefined && { audience }) }) : one,
  );
  const asked = createServer({ authenticators: chain, observer });
  const { forwardedCertificates } = options;
  const server = forwardedCertificates ? withForwardedCertificates(asked, forwardedCertificates) : asked;

  const grpc = new GrpcServer({ 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES });
  const { definition, implementation } = extAuthzService(server, observer);
  grpc.addService(definition, implementation);
  setHealth(false);
  health.addToServer(grpc);

  const cleanup = new Cleanup();
  try {
    cleanup.add(() => keys[Symbol.asyncDispose]());
    keys.start();
    const metricsAddress = await listenForOperations();
    const grpcAddress = await bind(grpc, host, port);
    cleanup.add(() => drain(grpc, drainTimeoutMs));
    cleanup.add(() => {
      draining = true;
      setHealth(false);
    });
    logger.info({ grpcAddress, metricsAddress }, 'auth server listens');
    return {
      server,
      grpcAddress,
      ...(metricsAddress !== undefined && { metricsAddress }),
      [Symbol.asyncDispose]: () => cleanup.run(),
    };
  } catch (error) {
    await cleanup.run();
    throw error;
  }

  async function listenForOperations(): Promise<string | undefined> {
    if (options.metrics === false) return undefined;
    const { host: metricsHost = '127.0.0.1', port: metricsPort = 9464 } = options.metrics ?? {};
    const { registry } = metrics;
    const operations = await startOperations({ host: metricsHost, port: metricsPort, registry, isReady });
    cleanup.add(() => operations[Symbol.asyncDispose]());
    return operations.address;
  }
}

/** @throws ListenError */
async function bind(grpc: GrpcServer, host: string, port: number): Promise<string> {
  if (port !== 0) await assertListenable(host, port);
  const address = host.includes(':') ? `[${host}]` : host;
  const bound = await new Promise<number>((resolve, reject) =>
    grpc.bindAsync(`${address}:${port}`, ServerCredentials.createInsecure(), (cause, boundPort) => {
      if (cause) reject(new ListenError('listen_failed', `${address}:${port}`, { cause }));
      else resolve(boundPort);
    }),
  );
  return `${address}:${bound}`;
}

/** Lets checks under way be answered, for as long as the time bound allows. */
async function drain(grpc: GrpcServer, timeoutMs: number): Promise<void> {
  const timer = setTimeout(() => grpc.forceShutdown(), timeoutMs);
  await new Promise<void>(resolve => grpc.tryShutdown(() => resolve()));
  clearTimeout(timer);
}

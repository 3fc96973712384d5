import { pino } from 'pino';
import { type GrpcListener, startGrpcListener } from './auth-server/grpc-listener.ts';
import { keyLog } from './auth-server/key-log.ts';
import type { AuthServer, AuthServerOptions } from './auth-server/options.ts';
import { withForwardedCertificates } from './authenticators/mtls/forwarded-certificate.ts';
import { pipedJwt } from './authenticators/piped-jwt.ts';
import { Cleanup } from './cleanup.ts';
import type { Server } from './contract.ts';
import { createServer } from './create-server.ts';
import { ControlPlaneKeys } from './keys/control-plane-keys.ts';
import type { KeySource } from './keys/key-source.ts';
import { joinObservers, type Observer } from './observer.ts';
import { startOperations } from './operations/endpoints.ts';
import { createMetrics } from './operations/metrics.ts';
import { refusalLog } from './operations/refusal-log.ts';
import { wholeNumber } from './options.ts';

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
  let grpc: GrpcListener | undefined;
  let draining = false;
  const isReady = () => !draining && keys.isReady;

  const metrics = createMetrics({ feedLagSeconds: () => keys.feedLagMs / 1000, isReady });
  const observer = joinObservers(metrics.observer, refusalLog(logger));
  const log = keyLog(logger);
  const keys = new ControlPlaneKeys({
    ...options.controlPlane,
    observer,
    onFreshness: freshness => {
      grpc?.setServing(isReady());
      log.onFreshness(freshness);
    },
    onFeedProblem: log.onFeedProblem,
  });
  const server = serverOf(options, keys, observer);

  const cleanup = new Cleanup();
  try {
    cleanup.add(() => keys[Symbol.asyncDispose]());
    keys.start();
    const metricsAddress = await listenForOperations();
    const listener = await startGrpcListener({ host, port, server, observer });
    grpc = listener;
    listener.setServing(isReady());
    cleanup.add(() => listener.drain(drainTimeoutMs));
    cleanup.add(() => {
      draining = true;
      listener.setServing(false);
    });
    const grpcAddress = listener.address;
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

/** The chain of authenticators that was chosen, behind whatever forwards certificates to it. */
function serverOf(options: AuthServerOptions, keys: KeySource, observer: Observer): Server {
  const { authenticators = ['piped-jwt'], gatewayAudience: audience, forwardedCertificates } = options;
  const chain = authenticators.map(one =>
    one === 'piped-jwt' ? pipedJwt({ keys, ...(audience !== undefined && { audience }) }) : one,
  );
  const server = createServer({ authenticators: chain, observer });
  return forwardedCertificates ? withForwardedCertificates(server, forwardedCertificates) : server;
}

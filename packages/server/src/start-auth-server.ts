import { setTimeout } from 'node:timers/promises';
import { isLoopbackHost } from '@spanpass/credential';
import { pino } from 'pino';
import { type Certificates, openCertificates } from './auth-server/certificates.ts';
import { type GrpcListener, startGrpcListener } from './auth-server/grpc-listener.ts';
import { startHttp2Listener } from './auth-server/http2-listener.ts';
import { keyLog } from './auth-server/key-log.ts';
import type { AuthServer, AuthServerOptions, AuthServerRules } from './auth-server/options.ts';
import { reloadOf } from './auth-server/reload.ts';
import { serverOf } from './auth-server/rules.ts';
import { ControlPlanePipeds } from './authenticators/pipecd/control-plane-source.ts';
import { pipecdKey } from './authenticators/pipecd-key.ts';
import { Cleanup } from './cleanup.ts';
import { startHttpAuthz } from './http-authz/start-http-authz.ts';
import { ControlPlaneKeys } from './keys/control-plane-keys.ts';
import { createSteadyClock } from './keys/steady-clock.ts';
import { observedServer } from './observed-server.ts';
import { joinObservers } from './observer.ts';
import { startOperations } from './operations/endpoints.ts';
import { createMetrics } from './operations/metrics.ts';
import { narrators } from './operations/narrators.ts';
import { createReloadMetrics } from './operations/reload-metrics.ts';
import { safeCause } from './operations/safe-cause.ts';
import { wholeNumber } from './options.ts';
import { switchableServer } from './switchable-server.ts';
import type { TlsSource } from './tls/tls-source.ts';
import { UsageBook } from './usage/usage-book.ts';
import { UsageReporter } from './usage/usage-reporter.ts';

/**
 * Starts an auth server for a gateway: credentials of pipeds, keys from the control plane, Envoy's ext_authz over gRPC,
 * gRPC health (SERVING only while checks can be decided), checks over HTTP, metrics and probes. A control plane that is down is no reason
 * not to start: until it is reached, checks are refused as `key_source_unavailable`.
 *
 * To stop, dispose it: health says NOT_SERVING, checks under way are answered, then the ports close.
 *
 * @throws TlsError if a certificate can't be used
 * @throws ListenError if a port can't be listened on
 * @throws TypeError for options that can't be meant
 * @example
 * await using auth = await startAuthServer({ controlPlane: { token } });
 */
export async function startAuthServer(options: AuthServerOptions): Promise<AuthServer> {
  const { host = '127.0.0.1', port = 9086, logger = pino({ name: 'spanpass-server' }) } = options;
  const drainTimeoutMs = wholeNumber('drainTimeoutMs', options.drainTimeoutMs ?? 10_000, 0);
  const drainDelayMs = wholeNumber('drainDelayMs', options.drainDelayMs ?? 0, 0);
  let grpc: GrpcListener | undefined;
  let draining = false;
  const isReady = () => !draining && keys.isReady;

  const metrics = createMetrics({
    feedLagSeconds: () => keys.feedLagMs / 1000,
    isReady,
    load: () => server.current.load,
    lookups: () => keys.lookups,
  });
  const usage = new UsageBook();
  const observer = joinObservers(metrics.observer, usage, ...narrators(options, logger));
  const log = keyLog(logger);
  const keys = new ControlPlaneKeys({
    ...options.controlPlane,
    observer,
    onFreshness: freshness => {
      grpc?.setServing(isReady());
      log.onFreshness(freshness);
    },
    onFeedProblem: log.onFeedProblem,
    onSnapshot: log.onSnapshot,
    onAuditHead: log.onAuditHead,
  });
  const { url, token, tls } = options.controlPlane;
  const controlPlane = { token, ...(url !== undefined && { url }), ...(tls && { tls }) };
  const pipeds = new ControlPlanePipeds({ controlPlane, feed: keys, clock: createSteadyClock() });
  const pipecd = { deciding: pipecdKey({ pipeds }), tried: pipecdKey({ pipeds }) };
  const serverByRules = (rules: AuthServerRules) =>
    serverOf(rules, {
      keys,
      observer,
      pipecd,
      maxDecisions: options.maxDecisions,
      verificationThreads: options.verificationThreads,
    });
  const server = switchableServer(serverByRules(options));

  const reporter = new UsageReporter({
    controlPlane: options.controlPlane,
    book: usage,
    ...(options.usageReportEveryMs !== undefined && { everyMs: options.usageReportEveryMs }),
    onProblem: problem =>
      logger.warn(
        { problem: typeof problem === 'number' ? problem : safeCause(problem) },
        'the use of keys can not be reported',
      ),
  });

  const cleanup = new Cleanup();
  cleanup.add(() => pipeds[Symbol.asyncDispose]());
  cleanup.add(() => keys[Symbol.asyncDispose]());
  // Stopped when no check is under way any more, and nothing comes in that it would miss.
  cleanup.add(() => reporter[Symbol.asyncDispose]());
  try {
    let certificates: Certificates | undefined;
    const reloads = createReloadMetrics(metrics.registry, listener => certificates?.[listener]?.expiresAt);
    const metricsTls = options.metrics === false ? undefined : options.metrics?.tls;
    const opened = await openCertificates({ tls: options.tls, metricsTls }, { logger, reloaded: reloads.reloaded });
    certificates = opened;
    cleanup.add(() => opened[Symbol.asyncDispose]());
    keys.start();
    reporter.start();
    const metricsAddress = await listenForOperations(opened.metrics);
    const listeners: { drain(timeoutMs: number): Promise<void> }[] = [];
    cleanup.add(async () => {
      await Promise.all(listeners.map(listener => listener.drain(drainTimeoutMs)));
    });
    const asked = { tls: opened.checks, server, observer, shared: options.sharedPorts ?? false };
    const startListener = options.grpcTransport === 'http2' ? startHttp2Listener : startGrpcListener;
    const listener = await startListener({ host, port, ...asked });
    listeners.push(listener);
    grpc = listener;
    listener.setServing(isReady());
    const http = options.http === false ? undefined : await startHttpAuthz({ ...options.http, ...asked, isReady });
    if (http !== undefined) listeners.push(http);
    cleanup.add(() => {
      draining = true;
      listener.setServing(false);
      return setTimeout(drainDelayMs);
    });
    const grpcAddress = listener.address;
    const httpAddress = http?.address;
    logger.info({ grpcAddress, httpAddress, metricsAddress }, 'auth server listens');
    const hosts = [host, (options.http !== false && options.http?.host) || host];
    if (!hosts.every(isLoopbackHost) && opened.checks === undefined) {
      logger.warn('checks carry credentials, and come in clear text from beyond loopback: set tls');
    }
    return {
      server,
      observedServer: observedServer(server, observer),
      grpcAddress,
      ...(httpAddress !== undefined && { httpAddress }),
      ...(metricsAddress !== undefined && { metricsAddress }),
      get isReady() {
        return isReady();
      },
      metricValues: () => metrics.registry.getMetricsAsJSON(),
      reload: reloadOf({ server, certificates: opened, serverOf: serverByRules, metrics: reloads }),
      [Symbol.asyncDispose]: () => cleanup.run(),
    };
  } catch (error) {
    await cleanup.run();
    throw error;
  }

  async function listenForOperations(tls: TlsSource | undefined): Promise<string | undefined> {
    if (options.metrics === false) return undefined;
    const { host: metricsHost = '127.0.0.1', port: metricsPort = 9464 } = options.metrics ?? {};
    const { registry } = metrics;
    const operations = await startOperations({ host: metricsHost, port: metricsPort, tls, registry, isReady });
    cleanup.add(() => operations[Symbol.asyncDispose]());
    return operations.address;
  }
}

import { credentials as grpcCredentials } from '@grpc/grpc-js';
import type { Meter } from '@opentelemetry/api';
import type { DurableExportOptions } from './durable-export-options.ts';
import { DurableSpanProcessor } from './durable-span-processor.ts';
import { exporterOptionsFromEnv } from './env.ts';
import { observeWith } from './metrics.ts';
import { grpcTransport } from './sender/grpc-transport.ts';
import { httpTransport } from './sender/http-transport.ts';
import type { LaneState, SenderStats } from './sender/sender-stats.ts';
import { SpoolSender } from './sender/spool-sender.ts';
import type { Transport } from './sender/transport.ts';
import { Spool } from './spool/spool.ts';
import type { SpoolStats } from './spool/spool-stats.ts';

export interface DurableExport extends AsyncDisposable {
  /** Give it to `createDeploymentTracing`, or to any tracer provider; its shutdown is the shutdown of all of it. */
  readonly spanProcessor: DurableSpanProcessor;
  readonly spool: Spool;
  readonly sender: SpoolSender;
  stats(): DurableStats;
  /** Tries to send, then closes: what is left is sent after the next start. */
  shutdown(): Promise<void>;
}

export interface DurableStats extends SpoolStats, SenderStats {
  readonly state: LaneState;
}

/**
 * The whole way of a span from its end to the gateway, through a spool on disk: see `DurableSpanProcessor`, `Spool` and
 * `SpoolSender`, of which it is made.
 *
 * @throws TypeError for options or environment variables that are not usable, or that would send a secret in the clear;
 *   the file system's error if the spool's folder can't be made or written
 * @example
 * const durable = createDurableExport({
 *   endpoint: 'https://gateway.example.com:4317',
 *   channelCredentials: client.channelCredentials({ kind: 'tls' }),
 *   spool: { folder: '/var/lib/piped/spool' },
 * });
 * await using tracing = createDeploymentTracing({ ...identity, spanProcessors: [durable.spanProcessor] });
 */
export function createDurableExport(options: DurableExportOptions): DurableExport {
  const { clock, log, credentials, maxBatchBytes, maxDeadLetterBytes, flushTimeoutMs, shutdownTimeoutMs } = options;
  const settings: DurableExportOptions = { ...exporterOptionsFromEnv(options.env ?? process.env), ...given(options) };
  const transport = transportFor(settings);
  const spool = new Spool({ ...options.spool, clock, log });
  let sender: SpoolSender | undefined;
  try {
    sender = new SpoolSender({
      spool,
      transport,
      credentials,
      maxBatchRecords: settings.maxBatchRecords,
      lingerMs: settings.lingerMs,
      maxBatchBytes,
      maxDeadLetterBytes,
      ...options.retry,
      clock,
      log,
    });
    const spanProcessor = new DurableSpanProcessor({ spool, sender, flushTimeoutMs, shutdownTimeoutMs });
    return durableExportOf(spool, sender, spanProcessor, options.meter);
  } catch (error) {
    void sender?.stop();
    void spool.close();
    throw error;
  }
}

function durableExportOf(
  spool: Spool,
  sender: SpoolSender,
  spanProcessor: DurableSpanProcessor,
  meter: Meter | undefined,
): DurableExport {
  const stats = () => ({ ...spool.stats(), ...sender.stats(), state: sender.state('traces') });
  const stopObserving = meter && observeWith(meter, stats);
  const shutdown = async () => {
    stopObserving?.();
    await spanProcessor.shutdown();
  };
  return {
    spanProcessor,
    spool,
    sender,
    stats,
    shutdown,
    [Symbol.asyncDispose]: shutdown,
  };
}

function transportFor(settings: DurableExportOptions): Transport {
  const { protocol = 'grpc', tls, tracesUrl } = settings;
  if (protocol === 'http/protobuf') {
    const endpoint = tracesUrl ? { traces: tracesUrl } : (settings.endpoint ?? 'http://localhost:4318');
    return httpTransport({ ...settings, endpoint, tls: tls && (given(tls) as typeof tls) });
  }
  const endpoint = settings.endpoint ?? 'http://localhost:4317';
  const channelCredentials =
    settings.channelCredentials ??
    (tls && !/^http:/i.test(endpoint) ? grpcCredentials.createSsl(tls.ca, tls.key, tls.cert) : undefined);
  return grpcTransport({ ...settings, endpoint, channelCredentials });
}

/** What is undefined is not given, and must not hide what the environment says. */
function given<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

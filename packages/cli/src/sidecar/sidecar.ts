import type { Server as HttpServer } from 'node:http';
import type { Server as GrpcServer } from '@grpc/grpc-js';
import { Spool, SpoolSender, type SpoolSenderOptions, type Transport } from '@spanpass/tracing/durable';
import { createIntakeGrpcServer, type IntakeLimits } from './grpc.ts';
import { createIntakeHttpServer } from './http.ts';
import { createIntake } from './intake.ts';
import { type ListenAddress, listenGrpc, listenHttp } from './listen.ts';
import { createSidecarMetrics } from './metrics.ts';

export interface SidecarOptions {
  readonly grpc: ListenAddress;
  readonly http: ListenAddress;
  readonly spool: { readonly folder: string; readonly maxBytes?: number; readonly maxAgeMs?: number };
  /** The way to the gateway, with the credential. */
  readonly transport: Transport;
  readonly credentials: NonNullable<SpoolSenderOptions['credentials']>;
  /** Longest request, as sent and inflated. Default 4 MiB, which is what gateways take. */
  readonly maxRequestBytes?: number;
  /** How long `stop` tries to send what is in the spool. Default 5,000. */
  readonly flushTimeoutMs?: number;
  readonly log: NonNullable<SpoolSenderOptions['log']>;
}

export interface Sidecar {
  readonly grpcAddress: string;
  readonly httpAddress: string;
  /** Takes nothing more, tries to send, closes. Answers how many requests stay in the spool, for the next start. */
  stop(): Promise<number>;
}

const LIMITS = { timeoutMs: 10_000, maxConcurrent: 64 };
/** How many requests are read from the disk at a time; each is sent by itself. */
const REQUESTS_AT_A_TIME = 64;
const ANSWER_MS = 2_000;

/**
 * Takes OTLP from this machine's processes without a credential, keeps each request on disk, and sends it on, byte for
 * byte and in its order, to a gateway. The spool keeps what it has acknowledged: when it is full, new requests are refused.
 *
 * @throws TypeError for options that make no sense; Failure when an address can't be had; the file system's error when the
 *   spool's folder can't be made
 */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { transport, credentials, log } = options;
  const spool = new Spool({ ...options.spool, whenFull: 'refuse', log });
  const sender = new SpoolSender({
    spool,
    transport,
    credentials,
    maxBatchRecords: REQUESTS_AT_A_TIME,
    lingerMs: 0,
    log,
  });
  const close = async () => {
    await sender.stop();
    await spool.close();
  };
  let accepting = true;
  const metrics = createSidecarMetrics(spool, sender);
  const intake = createIntake(spool);
  const limits: IntakeLimits = { ...LIMITS, maxRequestBytes: options.maxRequestBytes ?? 4 * 1024 * 1024 };
  const grpc = createIntakeGrpcServer(async (kind, body) => {
    const outcome = await intake(kind, body);
    metrics.observe('grpc', kind, outcome);
    return outcome;
  }, limits);
  const http = createIntakeHttpServer({
    ...limits,
    intake,
    isReady: () => accepting,
    metrics: metrics.text,
    observe: (signal, outcome) => metrics.observe('http', signal, outcome),
  });
  try {
    const grpcAddress = await listenGrpc(grpc, options.grpc);
    const httpAddress = await listenHttp(http, options.http);
    return {
      grpcAddress,
      httpAddress,
      async stop() {
        accepting = false;
        await stopTaking(grpc, http);
        await sender.flush({ timeoutMs: options.flushTimeoutMs ?? 5_000 });
        const { records } = spool.stats().pending;
        await close();
        return records;
      },
    };
  } catch (error) {
    grpc.forceShutdown();
    http.close();
    await close();
    throw error;
  }
}

/** What is under way gets a moment to be answered. */
async function stopTaking(grpc: GrpcServer, http: HttpServer): Promise<void> {
  const done = Promise.all([
    new Promise<void>(resolve => grpc.tryShutdown(() => resolve())),
    new Promise<void>(resolve => http.close(() => resolve())),
  ]);
  const idle = setInterval(() => http.closeIdleConnections(), 20);
  const hurry = setTimeout(() => {
    grpc.forceShutdown();
    http.closeAllConnections();
  }, ANSWER_MS);
  await done;
  clearInterval(idle);
  clearTimeout(hurry);
}

import type { Server as HttpServer } from 'node:http';
import { promisify } from 'node:util';
import { type Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import type { Server } from '@spanpass/server';
import { createOtlpGrpcServer } from './grpc.ts';
import { createOtlpHttpServer } from './http.ts';
import { createPipeline, type PipelineOptions } from './pipeline.ts';

export interface ReceiverOptions extends PipelineOptions {
  /**
   * Who may send: a server with the `gatewayAuthenticator` behind a gateway, or one that checks credentials itself.
   */
  readonly server: Server;
  /** IP address. Default 127.0.0.1. */
  readonly host?: string;
  /** OTLP/gRPC; 0 for any free one. Default 4317. */
  readonly grpcPort?: number;
  /** OTLP/HTTP; 0 for any free one. Default 4318. */
  readonly httpPort?: number;
  /** Longest message, as sent and inflated. Default 4 MiB. */
  readonly maxBodyBytes?: number;
  /** How long a sender has for a whole request. Default 10,000 ms. */
  readonly timeoutMs?: number;
  /** Exports at a time: on each gRPC connection, and over all of HTTP. Default 64. */
  readonly maxConcurrent?: number;
}

export interface Receiver extends AsyncDisposable {
  readonly grpcPort: number;
  readonly httpPort: number;
}

/**
 * Starts the built-in receiver: OTLP/gRPC and OTLP/HTTP (protobuf and JSON, gzip or not) for traces, metrics and logs.
 * It checks who sends, reads, stamps the verified identity on each resource, and hands on. Its answers are OTLP's.
 *
 * @throws TypeError for options that make no sense; rejects with the system's error when a port can't be had
 */
export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const { server, host = '127.0.0.1' } = options;
  const limits = {
    maxBodyBytes: whole('maxBodyBytes', options.maxBodyBytes ?? 4 * 1024 * 1024),
    timeoutMs: whole('timeoutMs', options.timeoutMs ?? 10_000),
    maxConcurrent: whole('maxConcurrent', options.maxConcurrent ?? 64),
  };
  const pipeline = createPipeline(options);
  const grpc = createOtlpGrpcServer({ server, pipeline, ...limits });
  const http = createOtlpHttpServer({ server, pipeline, ...limits });
  const httpPort = await listenHttp(http, host, options.httpPort ?? 4318);
  try {
    const grpcPort = await listenGrpc(grpc, host, options.grpcPort ?? 4317);
    return { grpcPort, httpPort, [Symbol.asyncDispose]: () => stop(grpc, http) };
  } catch (error) {
    await stop(grpc, http);
    throw error;
  }
}

function listenHttp(http: HttpServer, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once('error', reject);
    http.listen(port, host, () => {
      const address = http.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

async function listenGrpc(grpc: GrpcServer, host: string, port: number): Promise<number> {
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return promisify(grpc.bindAsync.bind(grpc))(address, ServerCredentials.createInsecure());
}

/** What is under way gets a moment to be answered. */
async function stop(grpc: GrpcServer, http: HttpServer): Promise<void> {
  const grpcDone = new Promise<void>(resolve => grpc.tryShutdown(() => resolve()));
  const httpDone = new Promise<void>(resolve => http.close(() => resolve()));
  // A connection that is busy now may be idle in a moment, and would then be kept alive.
  const idle = setInterval(() => http.closeIdleConnections(), 20);
  const hurry = setTimeout(() => {
    grpc.forceShutdown();
    http.closeAllConnections();
  }, 2_000);
  await Promise.all([grpcDone, httpDone]);
  clearInterval(idle);
  clearTimeout(hurry);
}

function whole(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) throw new TypeError(`${name} must be a whole number of at least 1`);
  return value;
}

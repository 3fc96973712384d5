import { request as httpRequest, type IncomingMessage } from 'node:http';
import { fromBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { createServer } from '@spanpass/server';
import { StatusSchema } from '../generated/otlp_pb.ts';
import type { Batch } from './batch.ts';
import { gatewayAuthenticator } from './gateway-authenticator.ts';
import { id, traceRequest } from './otlp.test.helper.ts';
import { ACCEPTED, type Outcome } from './outcome.ts';
import { type Receiver, type ReceiverOptions, startReceiver } from './receiver.ts';
import type { Identity } from './stamp.ts';

export const token = 'a-gateway-token-of-enough-length';
export const fromGateway = {
  'x-gateway-auth': `Bearer ${token}`,
  'x-spanpass-project': 'verified',
  'x-spanpass-piped': 'edge-1',
};
export const stamped = [
  ['project-id', 'verified'],
  ['piped-id', 'edge-1'],
  ['service.namespace', 'verified'],
  ['service.instance.id', 'edge-1'],
];

export const cleanup: (() => unknown)[] = [];
/** Stops what a test started; for `afterEach`. */
export async function stopAll(): Promise<void> {
  for (const close of cleanup.splice(0).reverse()) await close();
}

export interface Started extends Receiver {
  readonly received: { batch: Batch; identity: Identity }[];
  readonly faults: unknown[];
}

export async function start(options: Partial<ReceiverOptions> & { answer?: () => Outcome } = {}): Promise<Started> {
  const received: Started['received'] = [];
  const faults: unknown[] = [];
  const receiver = await startReceiver({
    server: createServer({ authenticators: [gatewayAuthenticator(token)] }),
    sink: (batch, identity) => {
      received.push({ batch, identity });
      return options.answer?.() ?? ACCEPTED;
    },
    onFault: error => faults.push(error),
    grpcPort: 0,
    httpPort: 0,
    ...options,
  });
  cleanup.push(() => receiver[Symbol.asyncDispose]());
  return { ...receiver, received, faults };
}

export const body = traceRequest([['project-id', 'forged']], { traceId: id(1), spanId: id(1, 8), name: 'Deploy' });

export interface HttpAnswer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** node:http, since fetch would not let headers be sent twice. */
export function post(
  port: number,
  payload: Uint8Array,
  headers: Record<string, string | string[]> = {},
  { path = '/v1/traces', method = 'POST' } = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      port,
      host: '127.0.0.1',
      path,
      method,
      headers: { 'content-type': 'application/x-protobuf', ...headers },
    });
    request.once('error', reject);
    request.once('response', async response => {
      const chunks = await response.toArray();
      resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) });
    });
    request.end(payload);
  });
}

export function call(
  port: number,
  payload: Uint8Array,
  headers: Record<string, string | string[]> = {},
  compress = false,
): Promise<ServiceError | null> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    ...(compress && { 'grpc.default_compression_algorithm': 2 }),
  });
  cleanup.push(() => client.close());
  const metadata = new Metadata();
  for (const [name, values] of Object.entries(headers)) for (const value of [values].flat()) metadata.add(name, value);
  return new Promise(resolve => {
    client.makeUnaryRequest(
      '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      (bytes: Uint8Array) => Buffer.from(bytes),
      (bytes: Buffer) => bytes,
      payload,
      metadata,
      { deadline: Date.now() + 5_000 },
      error => resolve(error),
    );
  });
}

export function rpcStatus({ body: bytes }: HttpAnswer) {
  const { code, message } = fromBinary(StatusSchema, bytes);
  return { code, message };
}

export function metadataOf(headers: Record<string, string>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

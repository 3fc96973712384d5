import { Client, credentials, status as Grpc, Metadata, type ServiceError } from '@grpc/grpc-js';
import { type Outcome, type Refused, refused } from '../receiver/outcome.ts';
import { OTLP_SIGNALS } from '../receiver/signals.ts';
import type { Forwarder } from './forwarder.ts';
import type { ForwardTarget } from './target.ts';

/** OTLP 1.x, "OTLP/gRPC: Failures"; RESOURCE_EXHAUSTED only where the backend says when to come back. */
const RETRYABLE = new Set([
  Grpc.CANCELLED,
  Grpc.DEADLINE_EXCEEDED,
  Grpc.ABORTED,
  Grpc.OUT_OF_RANGE,
  Grpc.UNAVAILABLE,
  Grpc.DATA_LOSS,
]);
const STATUS_DETAILS = 'grpc-status-details-bin';

/** Sends batches on over OTLP/gRPC. */
export function grpcForwarder(target: ForwardTarget, timeoutMs: number): Forwarder {
  const authority = target.host.includes(':') ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`;
  const client = new Client(authority, target.tls ? credentials.createSsl() : credentials.createInsecure(), {
    // Never through a proxy of the environment: the address was judged as it stands.
    'grpc.enable_http_proxy': 0,
  });
  const paths = new Map(OTLP_SIGNALS.map(({ name, grpcPath }) => [name, grpcPath]));
  return {
    forward: (signal, body) =>
      new Promise<Outcome>(resolve => {
        client.makeUnaryRequest(
          paths.get(signal) ?? '',
          (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
          (bytes: Buffer) => bytes,
          body,
          new Metadata(),
          { deadline: Date.now() + timeoutMs },
          (error, response = Buffer.alloc(0)) =>
            resolve(error ? refusedByBackend(error) : { kind: 'accepted', response }),
        );
      }),
    close: () => client.close(),
  };
}

function refusedByBackend(error: ServiceError): Refused {
  const [statusDetails] = error.metadata.get(STATUS_DETAILS);
  const details = Buffer.isBuffer(statusDetails) ? { statusDetails } : {};
  const name = Grpc[error.code];
  if (RETRYABLE.has(error.code) || (error.code === Grpc.RESOURCE_EXHAUSTED && 'statusDetails' in details)) {
    const httpStatus = error.code === Grpc.RESOURCE_EXHAUSTED ? 429 : 503;
    return {
      kind: 'refused',
      code: error.code,
      httpStatus,
      message: `the backend answered ${name}; try again`,
      ...details,
    };
  }
  if (error.code === Grpc.INVALID_ARGUMENT)
    return refused('malformed', `the backend could not read this export (${name})`);
  return refused('internal', `the backend refused this export for good (${name})`);
}

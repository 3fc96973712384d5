import { randomBytes } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { ExportTraceServiceRequestSchema } from '../generated/otlp_pb.ts';
import { OTLP_SIGNALS } from '../receiver/signals.ts';

export interface ProbeAnswer {
  /** gRPC status code. */
  readonly code: number;
  readonly details: string;
  /** Of the one span that was sent. */
  readonly traceId: string;
}

/** Sends one span to the gateway with any `authorization`, or none, and reports the answer as it is. */
export interface Probe extends Disposable {
  send(name: string, authorization: string | undefined): Promise<ProbeAnswer>;
}

/** @param target `host:port` of the gateway's OTLP/gRPC, in plaintext */
export function createProbe(target: string, timeoutMs = 10_000): Probe {
  const client = new Client(target, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 });
  const path = OTLP_SIGNALS.find(({ name }) => name === 'traces')?.grpcPath ?? '';
  return {
    send(name, authorization) {
      const traceId = randomBytes(16);
      const metadata = new Metadata();
      if (authorization !== undefined) metadata.set('authorization', authorization);
      return new Promise(resolve => {
        client.makeUnaryRequest(
          path,
          (body: Buffer) => body,
          () => undefined,
          Buffer.from(spanRequest(name, traceId)),
          metadata,
          { deadline: Date.now() + timeoutMs },
          error => {
            const { code, details } = error ?? { code: status.OK, details: '' };
            resolve({ code, details, traceId: traceId.toString('hex') });
          },
        );
      });
    },
    [Symbol.dispose]: () => client.close(),
  };
}

function spanRequest(name: string, traceId: Uint8Array): Uint8Array {
  const now = BigInt(Date.now()) * 1_000_000n;
  const span = { traceId, spanId: randomBytes(8), name, startTimeUnixNano: now, endTimeUnixNano: now };
  const request = create(ExportTraceServiceRequestSchema, { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
  return toBinary(ExportTraceServiceRequestSchema, request);
}

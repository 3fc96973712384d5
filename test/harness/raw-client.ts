import { request as httpRequest } from 'node:http';
import { buffer } from 'node:stream/consumers';
import * as grpc from '@grpc/grpc-js';
import { decodeStatus, type RpcStatus } from './rpc-status.ts';

const traceExport = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

/** How a gRPC call ended. */
export interface GrpcOutcome {
  readonly code: grpc.status;
  readonly message: string;
  readonly metadata: Record<string, grpc.MetadataValue>;
}

/** One Export call with bytes as they are and any metadata. */
export function exportOverGrpc(
  port: number,
  body: Uint8Array,
  headers: readonly (readonly [name: string, value: string])[] = [],
  path = traceExport,
): Promise<GrpcOutcome> {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const metadata = new grpc.Metadata();
  for (const [name, value] of headers) metadata.add(name, value);
  const identity = (bytes: Buffer) => bytes;
  return new Promise(resolve => {
    const deadline = Date.now() + 20_000;
    client.makeUnaryRequest(path, identity, identity, Buffer.from(body), metadata, { deadline }, error => {
      client.close();
      resolve({
        code: error?.code ?? grpc.status.OK,
        message: error?.details ?? '',
        metadata: error?.metadata.getMap() ?? {},
      });
    });
  });
}

/** How an OTLP/HTTP request ended; `status` is the body of a refusal, decoded from the encoding that its content type names. */
export interface HttpOutcome {
  readonly http: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly contentType: string;
  readonly body: Buffer;
  readonly status: RpcStatus | undefined;
}

export type HttpHeaders = Readonly<Record<string, string | string[]>>;

/** One OTLP/HTTP request; a header given as a list goes out as that many header lines. */
export function exportOverHttp(
  port: number,
  body: Uint8Array | string,
  headers: HttpHeaders = {},
  path = '/v1/traces',
): Promise<HttpOutcome> {
  const encoding = typeof body === 'string' ? 'application/json' : 'application/x-protobuf';
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port,
        path,
        method: 'POST',
        agent: false,
        headers: { 'content-type': encoding, ...headers },
      },
      async response => {
        const received = await buffer(response);
        const contentType = response.headers['content-type'] ?? '';
        const http = response.statusCode ?? 0;
        const status = http === 200 ? undefined : decodeStatus(received, contentType);
        resolve({ http, headers: response.headers, contentType, body: received, status });
      },
    );
    request.once('error', reject);
    request.setTimeout(20_000, () => request.destroy(new Error('no answer within 20 s')));
    request.end(body);
  });
}

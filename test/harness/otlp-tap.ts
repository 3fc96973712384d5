import { createHash } from 'node:crypto';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import * as grpc from '@grpc/grpc-js';
import { bytesMethod } from './bytes-method.ts';
import { SIGNALS_ON_THE_WIRE, type TappedSignal } from './signals.ts';
import type { Stage } from './stage.ts';

/** One export request that passed, as a hash of its bytes. */
export interface Tapped {
  readonly signal: TappedSignal;
  readonly sha256: string;
  /** Whether whoever it went to took it. */
  readonly accepted: boolean;
  /** Names of its headers. */
  readonly headers: readonly string[];
  /** SHA-256 of its `authorization`, so that credentials can be told apart. */
  readonly credential: string;
}

export interface Tap {
  /** Where to send to instead. */
  readonly url: string;
  readonly requests: readonly Tapped[];
}

const asItIs = (bytes: Buffer) => bytes;

/** Passes OTLP/gRPC on to `target`, `host:port` of loopback, bytes and metadata as they are, and notes what passed. */
export async function tapGrpc(stage: Stage, target: string): Promise<Tap> {
  const requests: Tapped[] = [];
  const client = new grpc.Client(target, grpc.credentials.createInsecure(), {
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 500,
    'grpc.use_local_subchannel_pool': 1,
  });
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
  for (const { signal, grpcPath: path } of SIGNALS_ON_THE_WIRE) {
    server.addService(
      { Export: bytesMethod(path) },
      {
        Export(call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) {
          const metadata = call.metadata.getMap();
          const headers = Object.keys(metadata);
          const credential = sha256(Buffer.from(metadata.authorization ?? ''));
          const options = { deadline: Date.now() + 20_000 };
          client.makeUnaryRequest(path, asItIs, asItIs, call.request, call.metadata, options, (error, response) => {
            requests.push({ signal, sha256: sha256(call.request), accepted: error === null, headers, credential });
            callback(error, response);
          });
        },
      },
    );
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  stage.defer(() => {
    server.forceShutdown();
    client.close();
  });
  return { url: `http://127.0.0.1:${port}`, requests };
}

/** The same for OTLP/HTTP; what is compressed is noted as it was before. */
export async function tapHttp(stage: Stage, target: string): Promise<Tap> {
  const requests: Tapped[] = [];
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    const signal = SIGNALS_ON_THE_WIRE.find(({ httpPath }) => httpPath === request.url)?.signal ?? 'traces';
    const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    const seen = {
      ...{ signal, sha256: sha256(plain), headers: Object.keys(request.headers) },
      credential: sha256(Buffer.from(request.headers.authorization ?? '')),
    };
    const note = (accepted: boolean) => requests.push({ ...seen, accepted });
    const { host: _, ...headers } = request.headers;
    const onward = httpRequest(`${target}${request.url}`, { method: 'POST', headers, agent: false }, async answer => {
      const answered = await buffer(answer);
      note(answer.statusCode === 200);
      response.writeHead(answer.statusCode ?? 502, answer.headers).end(answered);
    });
    onward.once('error', () => {
      note(false);
      response.writeHead(503).end();
    });
    onward.end(body);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  stage.defer(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

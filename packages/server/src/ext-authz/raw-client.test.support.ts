import { connect } from 'node:http2';
import { Client, credentials, Server as GrpcServer, ServerCredentials, type ServiceError } from '@grpc/grpc-js';
import type { Server } from '../contract.ts';
import type { Observer } from '../observer.ts';
import { extAuthzService } from './service.ts';

const PATH = '/envoy.service.auth.v3.Authorization/Check';
const asIs = (bytes: Buffer) => bytes;

export interface RawClient extends AsyncDisposable {
  /** Sends these bytes as a CheckRequest; the bytes of the CheckResponse, or the gRPC status that came instead. */
  check(bytes: Buffer): Promise<Buffer | number>;
  /** Writes these bytes to an HTTP/2 stream, framing and all; what comes back. */
  write(bytes: Buffer): Promise<{ readonly status: string; readonly answer: Buffer }>;
}

/** An ext_authz service as `startAuthServer` sets it up, and a client that sends whatever it is given. */
export async function serveExtAuthz(server: Server, observer?: Observer): Promise<RawClient> {
  const grpc = new GrpcServer({ 'grpc.max_receive_message_length': 262_144 });
  const { definition, implementation } = extAuthzService(server, observer);
  grpc.addService(definition, implementation);
  const port = await new Promise<number>((resolve, reject) =>
    grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const client = connectRaw(`127.0.0.1:${port}`);
  return {
    ...client,
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      grpc.forceShutdown();
    },
  };
}

export function connectRaw(address: string, channel = credentials.createInsecure()): RawClient {
  const client = new Client(address, channel, { 'grpc.max_send_message_length': -1 });
  return {
    check: bytes =>
      new Promise(resolve => {
        client.makeUnaryRequest(PATH, asIs, asIs, bytes, (error: ServiceError | null, answer?: Buffer) =>
          resolve(answer ?? error?.code ?? -1),
        );
      }),
    write: bytes =>
      new Promise((resolve, reject) => {
        const session = connect(`http://${address}`);
        session.on('error', reject);
        const headers = { ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', te: 'trailers' };
        const stream = session.request(headers);
        let status = '';
        const chunks: Buffer[] = [];
        const read = (received: Record<string, unknown>) => {
          if (received['grpc-status'] !== undefined) status = String(received['grpc-status']);
        };
        stream.on('response', read);
        stream.on('trailers', read);
        stream.on('error', reject);
        stream.on('close', () => {
          session.close();
          resolve({ status, answer: Buffer.concat(chunks).subarray(5) });
        });
        stream.on('data', chunk => chunks.push(chunk));
        stream.end(bytes);
      }),
    [Symbol.asyncDispose]: async () => client.close(),
  };
}

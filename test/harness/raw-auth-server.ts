import * as grpc from '@grpc/grpc-js';
import { bytesMethod } from './bytes-method.ts';
import type { Stage } from './stage.ts';

/** What the auth server says to one Check: bytes of a CheckResponse, right or wrong, or a gRPC error, or nothing at all. */
export type RawAnswer = Uint8Array | { readonly code: grpc.status; readonly details: string } | 'silence';

export interface RawAuthServer {
  readonly endpoint: string;
  /** The CheckRequests so far, as bytes. */
  readonly requests: readonly Buffer[];
  answer: RawAnswer;
}

/** HealthCheckResponse{status: SERVING} (grpc/health/v1/health.proto). */
const serving = Buffer.from([0x08, 0x01]);

/**
 * An ext_authz server that reads and writes bytes alone: for what no correct server would answer, and to see what Envoy really sends.
 */
export async function startRawAuthServer(stage: Stage, answer: RawAnswer): Promise<RawAuthServer> {
  const requests: Buffer[] = [];
  const state = { answer };
  const server = new grpc.Server();
  server.addService(
    { check: bytesMethod('/envoy.service.auth.v3.Authorization/Check') },
    {
      check: (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
        requests.push(call.request);
        if (state.answer === 'silence') return;
        if (state.answer instanceof Uint8Array) callback(null, Buffer.from(state.answer));
        else callback(state.answer);
      },
    },
  );
  server.addService(
    { check: bytesMethod('/grpc.health.v1.Health/Check') },
    { check: (_call: unknown, callback: grpc.sendUnaryData<Buffer>) => callback(null, serving) },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  stage.defer(() => server.forceShutdown());
  return {
    endpoint: `127.0.0.1:${port}`,
    requests,
    get answer() {
      return state.answer;
    },
    set answer(next) {
      state.answer = next;
    },
  };
}

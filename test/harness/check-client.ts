import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { message } from './protobuf.ts';
import type { Stage } from './stage.ts';

/** Asks an auth server as Envoy does, without one. */
export interface CheckClient {
  /** `allowed`, the reason of the refusal, or `status N` of a call that failed. */
  check(pass: string): Promise<string>;
  /** What gRPC health says: `1` is SERVING, `2` is NOT_SERVING; `status N` of a call that failed. */
  health(): Promise<string>;
}

const tracesPath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const reason = /reason[^a-z]+([a-z_]+)/;

export function connectCheckClient(stage: Stage, endpoint: string): CheckClient {
  const client = new Client(endpoint, credentials.createInsecure());
  stage.defer(() => client.close());
  const call = (path: string, bytes: Uint8Array) =>
    new Promise<Buffer | string>(resolve => {
      const asItIs = (buffer: Buffer) => buffer;
      client.makeUnaryRequest(path, asItIs, asItIs, Buffer.from(bytes), (error: ServiceError | null, answer?: Buffer) =>
        resolve(answer ?? `status ${error?.code}`),
      );
    });
  return {
    async check(pass) {
      const answer = await call('/envoy.service.auth.v3.Authorization/Check', checkRequest(pass));
      if (typeof answer === 'string') return answer;
      const text = answer.toString('latin1');
      return text.includes('x-spanpass-piped') ? 'allowed' : (reason.exec(text)?.[1] ?? text);
    },
    async health() {
      const answer = await call('/grpc.health.v1.Health/Check', new Uint8Array());
      return typeof answer === 'string' ? answer : String(answer[1]);
    },
  };
}

/** CheckRequest (envoy/service/auth/v3/attribute_context.proto) for an export of traces with this pass. */
function checkRequest(pass: string): Uint8Array {
  const source = message([1, message([1, message([2, '192.0.2.7'])])]);
  const authorization = message([1, 'authorization'], [2, `Bearer ${pass}`]);
  const http = message([2, 'POST'], [3, authorization], [4, tracesPath]);
  return message([1, message([1, source], [4, message([2, http])])]);
}

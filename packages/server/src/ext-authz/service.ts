import type { handleUnaryCall, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { CheckedRequest, Principal, Server } from '../contract.ts';
import type { Observer } from '../observer.ts';
import { AuthenticationError } from '../refusals.ts';
import { createAnswers } from './answers.ts';
import { readCheckRequest } from './read-request.ts';

/** The name that health checks may ask for. */
export const EXT_AUTHZ_SERVICE = 'envoy.service.auth.v3.Authorization';

const PROTOCOL = 'ext_authz_grpc';
const asIs = (bytes: Buffer) => bytes;

/** Bytes in, bytes out: hostile ones get an answer instead of a failed call, and an answer is encoded once. */
const definition = {
  check: {
    path: `/${EXT_AUTHZ_SERVICE}/Check`,
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
} satisfies ServiceDefinition;

/**
 * Envoy's external authorization over gRPC, v3 (envoy/service/auth/v3/external_auth.proto), for
 * `new grpc.Server().addService(...)`. Each call ends with an answer that Envoy passes on as it is meant: never an empty
 * one, which would be an allow, and never a gRPC error.
 *
 * @example
 * const { definition, implementation } = extAuthzService(server);
 * grpcServer.addService(definition, implementation);
 */
export function extAuthzService(
  server: Server,
  observer: Observer = {},
): { definition: ServiceDefinition; implementation: UntypedServiceImplementation } {
  const answers = createAnswers();

  function allow(principal: Principal, forGrpc: boolean): Buffer {
    try {
      const answer = answers.allow(principal);
      observer.decided?.({ protocol: PROTOCOL, authenticator: principal.authenticator });
      return answer;
    } catch (error) {
      return refuse(error, forGrpc);
    }
  }

  function refuse(thrown: unknown, forGrpc: boolean): Buffer {
    const refused = AuthenticationError.from(thrown);
    observer.decided?.({ protocol: PROTOCOL, refused });
    return answers.refuse(refused, forGrpc);
  }

  const check: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
    let forGrpc = true;
    let answer: Principal | Promise<Principal>;
    try {
      const request = readCheckRequest(call.request);
      forGrpc = speaksGrpc(request);
      answer = server.authenticate(request);
    } catch (error) {
      callback(null, refuse(error, forGrpc));
      return;
    }
    if (answer instanceof Promise) {
      answer.then(
        principal => callback(null, allow(principal, forGrpc)),
        error => callback(null, refuse(error, forGrpc)),
      );
    } else callback(null, allow(answer, forGrpc));
  };
  return { definition, implementation: { check } };
}

/** Where the gateway shows no content type, a header more does an HTTP caller no harm. */
function speaksGrpc({ headers }: CheckedRequest): boolean {
  const contentType = headers['content-type'];
  return typeof contentType !== 'string' || contentType.startsWith('application/grpc');
}

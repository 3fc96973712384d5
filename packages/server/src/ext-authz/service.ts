import type { handleUnaryCall, Metadata, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { CheckedRequest, Principal, Server } from '../contract.ts';
import { type Caller, ObservedCheck, type Observer } from '../observer.ts';
import { AuthenticationError } from '../refusals.ts';
import { createAnswers } from './answers.ts';
import { readCheckRequest } from './read-request.ts';

/** The name that health checks may ask for. */
export const EXT_AUTHZ_SERVICE = 'envoy.service.auth.v3.Authorization';

const PROTOCOL = 'ext_authz_grpc';
const METHOD = `${EXT_AUTHZ_SERVICE}/Check`;
const asIs = (bytes: Buffer) => bytes;

/** Bytes in, bytes out: hostile ones get an answer instead of a failed call, and an answer is encoded once. */
const definition = {
  check: {
    path: `/${METHOD}`,
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

  const check: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
    const caller = new EnvoyCaller(call.metadata);
    const observed = new ObservedCheck(observer, PROTOCOL, caller);
    let answer: Principal | Promise<Principal>;
    try {
      caller.request = readCheckRequest(call.request);
      answer = server.authenticate(caller.request);
    } catch (error) {
      callback(null, refuse(error, caller, observed));
      return;
    }
    if (answer instanceof Promise) {
      answer.then(
        principal => callback(null, allow(principal, caller, observed)),
        error => callback(null, refuse(error, caller, observed)),
      );
    } else callback(null, allow(answer, caller, observed));
  };

  function allow(principal: Principal, caller: EnvoyCaller, observed: ObservedCheck): Buffer {
    try {
      const answer = answers.allow(principal);
      observed.allowed(principal);
      return answer;
    } catch (error) {
      return refuse(error, caller, observed);
    }
  }

  function refuse(thrown: unknown, { request }: EnvoyCaller, observed: ObservedCheck): Buffer {
    const refused = AuthenticationError.from(thrown);
    observed.refused(refused);
    return answers.refuse(refused, request === undefined || speaksGrpc(request));
  }
  return { definition, implementation: { check } };
}

/** Envoy's own span of the call, where it makes one; else the trace of the request that it asks about. */
class EnvoyCaller implements Caller {
  readonly method = METHOD;
  /** What Envoy asks about, once that is read. */
  request: CheckedRequest | undefined;
  readonly #metadata: Metadata;

  constructor(metadata: Metadata) {
    this.#metadata = metadata;
  }

  traceHeader(name: string): string | undefined {
    const metadata = this.#metadata;
    const from = metadata.get('traceparent').length > 0 ? metadata.get(name) : this.request?.headers[name];
    const only = Array.isArray(from) ? from.length === 1 && from[0] : from;
    return typeof only === 'string' ? only : undefined;
  }
}

/** Where the gateway shows no content type, a header more does an HTTP caller no harm. */
function speaksGrpc({ headers }: CheckedRequest): boolean {
  const contentType = headers['content-type'];
  return typeof contentType !== 'string' || contentType.startsWith('application/grpc');
}

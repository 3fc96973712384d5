import type { handleUnaryCall, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Server } from '../contract.ts';
import type { Observer } from '../observer.ts';
import { CHECK_PATH, checkAnswerer } from './check-answerer.ts';

const asIs = (bytes: Buffer) => bytes;

/** Bytes in, bytes out: hostile ones get an answer instead of a failed call, and an answer is encoded once. */
const definition = {
  check: {
    path: CHECK_PATH,
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
  const answer = checkAnswerer(server, observer);
  const check: handleUnaryCall<Buffer, Buffer> = (call, callback) =>
    answer(call.request, call.metadata, bytes => callback(null, bytes));
  return { definition, implementation: { check } };
}

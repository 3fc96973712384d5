import { grpcRetryHeaders, refusalHeaders } from '../refusal-headers.ts';
import { type Dialect, oncePerPrincipal, originalRequest, ownerHeaders, reasonHeaders } from './dialect.ts';

/**
 * Envoy's `http_service` with `path_prefix: /envoy`: the check has the method and, behind the prefix, the path of the
 * request. Its denial goes to the client with the text as body, which is the grpc-message for gRPC callers; anything from
 * 500 is an error to Envoy, answered with its own `status_on_error`.
 */
export const envoy: Dialect = {
  asksAt: 'prefix',
  original: ({ method }, rest) => originalRequest(method, rest),
  allow: oncePerPrincipal(principal => ({
    ...ownerHeaders(principal),
    'x-envoy-auth-headers-to-remove': 'authorization',
  })),
  refuse: (refused, contentType) => ({
    headers: {
      ...refusalHeaders(refused.refusal),
      ...(contentType?.startsWith('application/grpc') && grpcRetryHeaders(refused.refusal)),
      ...reasonHeaders(refused),
      'content-type': 'text/plain',
    },
    body: refused.message,
  }),
};

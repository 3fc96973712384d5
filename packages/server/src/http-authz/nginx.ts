import { refusalHeaders } from '../refusal-headers.ts';
import { type Dialect, oncePerPrincipal, originalRequest, ownerHeaders, reasonHeaders, soleHeader } from './dialect.ts';

/**
 * nginx's `auth_request`: a subrequest of its own, whose headers `X-Original-Method` and `X-Original-URI` the
 * configuration sets from `$request_method` and `$request_uri`. nginx drops the body of the answer and takes whatever is
 * not 2xx, 401 or 403 for an error of its own: all that its configuration can tell the client is in the headers.
 */
export const nginx: Dialect = {
  asksAt: 'path',
  original: request => originalRequest(soleHeader(request, 'x-original-method'), soleHeader(request, 'x-original-uri')),
  allow: oncePerPrincipal(ownerHeaders),
  refuse: refused => ({
    headers: {
      ...refusalHeaders(refused.refusal),
      ...reasonHeaders(refused),
      'x-spanpass-message': refused.message,
    },
  }),
};

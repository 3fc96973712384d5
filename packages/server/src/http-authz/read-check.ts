import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { CheckedRequest } from '../contract.ts';
import { MAX_HEADERS_LENGTH } from '../ext-authz/read-request.ts';
import { readHttpHeaders } from '../http.ts';
import { AuthenticationError } from '../refusals.ts';
import type { OriginalRequest } from './dialect.ts';

/**
 * Makes a check's request of what a proxy sent. The certificate of the connection is the proxy's, and never its client's;
 * what it says of that one in `x-real-ip` and `x-forwarded-client-cert` is for the server to believe or not.
 *
 * @throws AuthenticationError `request_too_large`
 */
export function readCheck(request: IncomingMessage, original: OriginalRequest): CheckedRequest {
  assertBounded(request);
  const headers = hasRepeated(request) ? readHttpHeaders(request) : request.headers;
  const address = request.socket.remoteAddress ?? '';
  const client = headers['x-real-ip'];
  const named = typeof client === 'string' && isIP(client) !== 0;
  const { method, path } = original;
  return { method, path, headers, peer: named ? { address, unverifiedClientAddress: client } : { address } };
}

/** Where no name comes twice, what node:http has read already is all that was sent. */
function hasRepeated({ headers, rawHeaders }: IncomingMessage): boolean {
  return Object.keys(headers).length * 2 !== rawHeaders.length;
}

function assertBounded({ rawHeaders, url = '' }: IncomingMessage): void {
  let length = url.length;
  for (const text of rawHeaders) length += text.length;
  if (length > MAX_HEADERS_LENGTH) throw new AuthenticationError('request_too_large');
}

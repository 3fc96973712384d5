import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { AuthorizationAtHand } from '../authorization-at-hand.ts';
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
  const { rawHeaders, url = '' } = request;
  let length = url.length;
  let authorization: string | string[] | undefined;
  let client: string | string[] | undefined;
  for (let at = 1; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at - 1] as string;
    const value = rawHeaders[at] as string;
    length += name.length + value.length;
    if (isNamed(name, AUTHORIZATION)) authorization = together(authorization, value);
    else if (isNamed(name, CLIENT)) client = together(client, value);
  }
  if (length > MAX_HEADERS_LENGTH) throw new AuthenticationError('request_too_large');
  const address = request.socket.remoteAddress ?? '';
  const named = typeof client === 'string' && isIP(client) !== 0;
  const peer = named ? { address, unverifiedClientAddress: client as string } : { address };
  return new HttpCheck(request, original, authorization, peer);
}

const AUTHORIZATION = 'authorization';
const CLIENT = 'x-real-ip';

function isNamed(name: string, lowerCase: string): boolean {
  return name.length === lowerCase.length && name.toLowerCase() === lowerCase;
}

function together(before: string | string[] | undefined, value: string): string | string[] {
  return before === undefined ? value : [before, value].flat();
}

class HttpCheck extends AuthorizationAtHand {
  readonly authorization: string | readonly string[] | undefined;
  readonly peer: CheckedRequest['peer'];
  readonly #request: IncomingMessage;
  readonly #original: OriginalRequest;
  #headers: CheckedRequest['headers'] | undefined;

  constructor(
    request: IncomingMessage,
    original: OriginalRequest,
    authorization: string | readonly string[] | undefined,
    peer: CheckedRequest['peer'],
  ) {
    super();
    this.authorization = authorization;
    this.peer = peer;
    this.#request = request;
    this.#original = original;
  }

  get method(): string {
    return this.#original.method;
  }

  get path(): string {
    return this.#original.path;
  }

  get headers(): CheckedRequest['headers'] {
    this.#headers ??= readHttpHeaders(this.#request);
    return this.#headers;
  }
}

import type { IncomingMessage } from 'node:http';
import type { Owner, Principal } from '../contract.ts';
import { identityHeaders } from '../identity.ts';
import { AuthenticationError } from '../refusals.ts';

/** What a proxy wants to know about: the request that it has in hand. */
export interface OriginalRequest {
  readonly method: string;
  readonly path: string;
}

export interface HttpAnswer {
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  /** The headers, complete, in the form that node:http writes fastest: names and values in turn. */
  readonly flat?: string[];
}

/** How one kind of proxy asks over HTTP, and what it makes of the answer. */
export interface Dialect {
  /** Whether it is asked at its own path alone, or with the path of the original request behind it. */
  readonly asksAt: 'path' | 'prefix';
  /**
   * What the check is about: nothing but what the proxy itself wrote.
   *
   * @param rest what follows the dialect's own path, with the query
   * @throws AuthenticationError `request_malformed`
   */
  original(request: IncomingMessage, rest: string): OriginalRequest;
  allow(principal: Principal): HttpAnswer;
  /** @param contentType of the request that was checked, as far as it is known */
  refuse(refused: AuthenticationError, contentType: string | undefined): HttpAnswer;
}

/** Makes the answer once for each principal: most checks are about one that was seen before. */
export function oncePerPrincipal(
  headersOf: (principal: Principal) => Readonly<Record<string, string>>,
): (principal: Principal) => HttpAnswer {
  const answers = new WeakMap<Principal, HttpAnswer>();
  return principal => {
    let answer = answers.get(principal);
    if (answer === undefined) {
      const headers = { ...headersOf(principal), 'content-length': '0' };
      answer = { headers, flat: Object.entries(headers).flat() };
      answers.set(principal, answer);
    }
    return answer;
  };
}

const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/;

/** @throws AuthenticationError `request_malformed` unless both are there, as a request line could have them */
export function originalRequest(method: string | undefined, path: string | undefined): OriginalRequest {
  if (method === undefined || path === undefined || !METHOD.test(method) || !path.startsWith('/')) {
    throw new AuthenticationError('request_malformed');
  }
  return { method, path };
}

/**
 * The value of a header that only the proxy may write: one, since of two one would be the client's.
 *
 * @throws AuthenticationError `request_malformed`
 */
export function soleHeader(request: IncomingMessage, name: string): string | undefined {
  const [value, ...more] = request.headersDistinct[name] ?? [];
  if (more.length > 0) throw new AuthenticationError('request_malformed');
  return value;
}

/** For access logs and rate limits: what the gRPC service gives as dynamic metadata. */
export function reasonHeaders({ code, owner }: AuthenticationError): Record<string, string> {
  return { 'x-spanpass-reason': code, ...(owner && ownerHeaders(owner)) };
}

/** Whoever else made the id of a credential may have put more into it than a header can hold; then it stays away. */
export function ownerHeaders(owner: Owner): Record<string, string> {
  const { credentialId } = owner;
  return {
    ...identityHeaders(owner),
    ...(/^[\x21-\x7e]{1,256}$/.test(credentialId) && { 'x-spanpass-kid': credentialId }),
  };
}

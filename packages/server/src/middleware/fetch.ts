import type { CheckedRequest, Peer, Principal, Server } from '../contract.ts';
import { decide } from '../decide.ts';
import { refusalToHttp } from '../http.ts';
import { identityHeaders, isIdentityHeader } from '../identity.ts';
import { ObservedCheck, type Observer } from '../observer.ts';
import type { AuthenticationError } from '../refusals.ts';
import { rememberPrincipal } from './principal-of.ts';

export interface AuthFetchOptions<Context> {
  readonly observer?: Observer;
  /**
   * Who is at the other end, which a `Request` does not say. Without it all senders count as one where made-up keys are
   * throttled, and none has a certificate.
   */
  readonly peerOf?: (request: Request, context: Context) => Peer;
}

/** What fetch-style servers call, with whatever they give besides the request. */
export type FetchHandler<Context> = (request: Request, context: Context) => Response | Promise<Response>;

/**
 * Guards a handler of fetch-style requests: it is called only for a request that the server allowed, with identity headers
 * that the client sent and its authorization taken away, and the verified identity put in; `principalOf(request)` has all
 * of it. A refusal is the answer that OTLP asks for, in the encoding of the request.
 *
 * @example
 * export default { fetch: authFetch(server, receive) };
 */
export function authFetch<Context = unknown>(
  server: Server,
  handler: FetchHandler<Context>,
  { observer = {}, peerOf = () => ({ address: '' }) }: AuthFetchOptions<Context> = {},
): (request: Request, context: Context) => Promise<Response> {
  return (request, context) => {
    const traceHeader = (name: string) => request.headers.get(name) ?? undefined;
    const observed = new ObservedCheck(observer, 'http', { method: request.method, traceHeader });
    return new Promise((resolve, reject) => {
      decide(server, observed, () => readRequest(request, peerOf(request, context)), {
        allow(principal) {
          // What the handler throws is not a refusal.
          new Promise<Response>(settle => settle(handler(stamped(request, principal), context))).then(resolve, reject);
        },
        refuse: refused => resolve(refusal(refused, request)),
      });
    });
  };
}

/** `Headers` joins what was sent twice with a comma, which is refused as more than one credential. */
function readRequest({ url, method, headers }: Request, peer: Peer): CheckedRequest {
  const { pathname, search } = new URL(url);
  return { headers: Object.fromEntries(headers), method, path: pathname + search, peer };
}

function stamped(request: Request, principal: Principal): Request {
  const headers = new Headers(request.headers);
  for (const name of [...headers.keys()]) if (isIdentityHeader(name)) headers.delete(name);
  headers.delete('authorization');
  for (const [name, value] of Object.entries(identityHeaders(principal))) headers.set(name, value);
  const checked = new Request(request, { headers });
  rememberPrincipal(checked, principal);
  return checked;
}

function refusal(refused: AuthenticationError, request: Request): Response {
  const { status, headers, body } = refusalToHttp(refused, request.headers.get('content-type') ?? undefined);
  return new Response(new Uint8Array(body), { status, headers });
}

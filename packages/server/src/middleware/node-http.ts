import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal, Server } from '../contract.ts';
import { decide } from '../decide.ts';
import { readHttpRequest, refusalToHttp } from '../http.ts';
import { identityHeaders, isIdentityHeader } from '../identity.ts';
import { ObservedCheck, type Observer } from '../observer.ts';
import { traceHeaderOf } from '../trace-header.ts';
import { rememberPrincipal } from './principal-of.ts';

export interface AuthMiddlewareOptions {
  readonly observer?: Observer;
}

/** In the form of connect, express and their like. */
export type AuthMiddleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/**
 * Guards a node:http receiver of OTLP/HTTP: `next` is called only for a request that the server allowed. Identity headers
 * that the client sent and its authorization are taken away, and the verified identity (`x-spanpass-project`,
 * `x-spanpass-piped`) is put in; `principalOf(request)` has all of it. A refusal is answered here, in the encoding of the
 * request, and the connection ends with it, since its body is not read.
 *
 * @example
 * const guard = authMiddleware(server);
 * createServer((request, response) => guard(request, response, () => receive(request, response)));
 */
export function authMiddleware(server: Server, { observer = {} }: AuthMiddlewareOptions = {}): AuthMiddleware {
  return (request, response, next) => {
    const caller = { method: request.method ?? '', traceHeader: traceHeaderOf(request) };
    const observed = new ObservedCheck(observer, 'http', caller);
    decide(server, observed, () => readHttpRequest(request), {
      allow(principal) {
        stamp(request, principal);
        rememberPrincipal(request, principal);
        next();
      },
      refuse(refused) {
        const { status, headers, body } = refusalToHttp(refused, request.headers['content-type']);
        response.writeHead(status, { ...headers, connection: 'close' }).end(body);
      },
    });
  };
}

/** All three views that node gives of the headers. */
function stamp(request: IncomingMessage, principal: Principal): void {
  const identity = Object.entries(identityHeaders(principal));
  for (const view of [request.headers, request.headersDistinct]) {
    for (const name of Object.keys(view)) if (isTaken(name)) delete view[name];
  }
  const { rawHeaders } = request;
  for (let at = rawHeaders.length - 2; at >= 0; at -= 2) {
    if (isTaken(rawHeaders[at] as string)) rawHeaders.splice(at, 2);
  }
  for (const [name, value] of identity) {
    request.headers[name] = value;
    request.headersDistinct[name] = [value];
    rawHeaders.push(name, value);
  }
}

function isTaken(name: string): boolean {
  return name.toLowerCase() === 'authorization' || isIdentityHeader(name);
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal, Server } from '../contract.ts';
import { decide } from '../decide.ts';
import { type Caller, ObservedCheck, type Observer } from '../observer.ts';
import { AuthenticationError } from '../refusals.ts';
import { traceHeaderOf } from '../trace-header.ts';
import type { HttpAnswer } from './dialect.ts';
import type { DialectMatch } from './dialects.ts';
import { readCheck } from './read-check.ts';

export interface CheckHandlerOptions {
  readonly server: Server;
  readonly observer: Observer;
  readonly dialectAt: (url: string) => DialectMatch | undefined;
  /** Whether checks can be decided. */
  readonly isReady: () => boolean;
  /** Whether connections are to end with their next answer. */
  readonly isDraining: () => boolean;
}

/**
 * Answers all that comes to the check port. The one way to a 2xx is an allow: where no dialect is spoken it is 404, or
 * 503 while checks can't be decided, so that a proxy's health check has something to go by.
 */
export function checkHandler(
  options: CheckHandlerOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { server, observer, dialectAt, isReady, isDraining } = options;

  /** A check has no body. What comes as one is not read: the connection ends with the answer. */
  function send(
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    { headers, body, flat }: HttpAnswer,
  ) {
    if (isDraining() || announcesBody(request)) response.setHeader('connection', 'close');
    else if (flat !== undefined) {
      if (keepsByItself(request, response)) response.removeHeader('connection');
      response.writeHead(status, flat).end();
      return;
    }
    const complete =
      'content-length' in headers ? headers : { ...headers, 'content-length': Buffer.byteLength(body ?? '') };
    response.writeHead(status, complete).end(body);
  }

  return (request, response) => {
    const match = dialectAt(request.url ?? '');
    if (match === undefined) {
      send(request, response, isReady() ? 404 : 503, { headers: { 'content-type': 'text/plain' }, body: NO_CHECK });
      return;
    }
    const { dialect, rest } = match;
    const refuse = (refused: AuthenticationError) => {
      const answer = dialect.refuse(refused, request.headers['content-type']);
      send(request, response, refused.refusal.httpStatus, answer);
    };
    const allow = (principal: Principal) => {
      try {
        send(request, response, 200, dialect.allow(principal));
      } catch (error) {
        // A server that is not ours may find somebody whose name no header can hold.
        refuse(AuthenticationError.from(error));
      }
    };
    const observed = new ObservedCheck(observer, 'ext_authz_http', new Proxying(request));
    decide(server, observed, () => readCheck(request, dialect.original(request, rest)), { allow, refuse });
  };
}

/** The proxy's own span of the check, or that of the request that it has in hand. */
class Proxying implements Caller {
  readonly #request: IncomingMessage;

  constructor(request: IncomingMessage) {
    this.#request = request;
  }

  get method(): string {
    return this.#request.method ?? '';
  }

  traceHeader(name: string): string | undefined {
    return traceHeaderOf(this.#request)(name);
  }
}

/** HTTP/1.1 keeps a connection unless somebody says otherwise: nothing that says so has to be written and read. */
function keepsByItself({ httpVersionMinor }: IncomingMessage, { shouldKeepAlive }: ServerResponse): boolean {
  return httpVersionMinor === 1 && shouldKeepAlive;
}

const NO_CHECK = 'no check is answered on this path\n';

const LENGTH = 'content-length';
const ENCODING = 'transfer-encoding';

function announcesBody({ rawHeaders }: IncomingMessage): boolean {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === LENGTH.length && rawHeaders[at + 1] !== '0' && name.toLowerCase() === LENGTH) return true;
    if (name.length === ENCODING.length && name.toLowerCase() === ENCODING) return true;
  }
  return false;
}

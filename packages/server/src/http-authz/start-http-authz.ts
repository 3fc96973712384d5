import { type Server as HttpServer, type RequestListener, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Server } from '../contract.ts';
import type { Observer } from '../observer.ts';
import { listening } from '../operations/listening.ts';
import { wholeNumber } from '../options.ts';
import { refusalHeaders } from '../refusal-headers.ts';
import { AuthenticationError, type RefusalCode } from '../refusals.ts';
import { createHttpServer } from '../tls/listeners.ts';
import type { TlsSource } from '../tls/tls-source.ts';
import { checkHandler } from './check-handler.ts';
import { reasonHeaders } from './dialect.ts';
import { dialectsAt, HTTP_DIALECTS, type HttpDialect } from './dialects.ts';

export interface HttpAuthzOptions {
  readonly server: Server;
  readonly observer?: Observer;
  /** Default `127.0.0.1`, port 9087; port 0 takes any. */
  readonly host?: string;
  readonly port?: number;
  /** Default clear text. */
  readonly tls?: TlsSource | undefined;
  /** Who may ask. Default all three. */
  readonly dialects?: readonly HttpDialect[];
  /** Whether checks can be decided. Default: always. */
  readonly isReady?: () => boolean;
  /** Connections at a time; more are closed at once. Default 4096. */
  readonly maxConnections?: number;
  /** Whether the other workers of a node:cluster listen there too. Default false. */
  readonly shared?: boolean;
}

/** Where proxies ask over HTTP. */
export interface HttpAuthz {
  /** `host:port` as bound. */
  readonly address: string;
  /** Takes no more connections, and lets checks under way be answered for as long as the time bound allows. */
  drain(timeoutMs: number): Promise<void>;
}

/** A request line and headers of 64 KiB must still arrive to be refused by name. */
const MAX_HEADER_BYTES = 131_072;

/** Longer than proxies keep an idle connection: who closes first while the other sends makes a check fail. */
const IDLE_MS = 75_000;

/**
 * Answers checks over HTTP: Envoy's `http_service`, nginx's `auth_request`, Traefik's `ForwardAuth`, each at its own path
 * (`/envoy/…`, `/nginx`, `/traefik`), which the proxy's configuration chooses and no client can. To a proxy any 2xx is an
 * allow, so nothing else is served here.
 *
 * @throws ListenError if the port can't be listened on
 * @throws TypeError for options that can't be meant
 */
export async function startHttpAuthz(options: HttpAuthzOptions): Promise<HttpAuthz> {
  const { server, observer = {}, host = '127.0.0.1', port = 9087, dialects = HTTP_DIALECTS } = options;
  let draining = false;
  const check = checkHandler({
    server,
    observer,
    dialectAt: dialectsAt(dialects),
    isReady: options.isReady ?? (() => true),
    isDraining: () => draining,
  });
  // node counts a connection that never asked anything as busy.
  const silent = new Set<Socket>();
  const answer: RequestListener = (request, response) => {
    if (silent.size > 0) silent.delete(request.socket);
    check(request, response);
  };
  const http = createHttpServer(
    options.tls,
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: 5000,
      requestTimeout: 5000,
      keepAliveTimeout: IDLE_MS,
      connectionsCheckingInterval: 1000,
    },
    answer,
  );
  // Else a check would first be told to go on and send its body.
  http.on('checkContinue', answer);
  http.on('clientError', refuseUnreadable);
  // By default headers from the 2001st are dropped, and a second authorization with them. The bytes are bounded.
  http.maxHeadersCount = 0;
  http.maxConnections = wholeNumber('maxConnections', options.maxConnections ?? 4096);
  http.on(options.tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) =>
    silent.add(socket.once('close', () => silent.delete(socket))),
  );
  await listening(http, host, port, options.shared);
  const bound = http.address() as AddressInfo;
  return {
    address: `${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`,
    drain(timeoutMs) {
      draining = true;
      for (const socket of silent) socket.destroy();
      return close(http, timeoutMs);
    },
  };
}

const UNREADABLE: Readonly<Record<string, RefusalCode>> = {
  HPE_HEADER_OVERFLOW: 'request_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'check_timeout',
};

/** What can't be parsed was never a check, and is answered like one: a proxy asks on behalf of somebody. */
function refuseUnreadable({ code = '' }: NodeJS.ErrnoException, socket: Socket): void {
  const refused = new AuthenticationError(UNREADABLE[code] ?? 'request_malformed');
  const { httpStatus, message } = refused.refusal;
  const headers = {
    ...refusalHeaders(refused.refusal),
    ...reasonHeaders(refused),
    'content-type': 'text/plain',
    'content-length': String(message.length),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const head = [`HTTP/1.1 ${httpStatus} ${STATUS_CODES[httpStatus]}`, ...lines, '', ''].join('\r\n');
  if (socket.writable) socket.end(head + message);
  else socket.destroy();
}

async function close(http: HttpServer, timeoutMs: number): Promise<void> {
  const timer = setTimeout(() => http.closeAllConnections(), timeoutMs);
  await new Promise<void>(resolve => {
    http.close(() => resolve());
  });
  clearTimeout(timer);
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createHttpServer } from '../tls/listeners.ts';
import type { TlsSource } from '../tls/tls-source.ts';
import { listening } from './listening.ts';

export interface OperationsOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsSource | undefined;
  readonly registry: MetricsText;
  isReady(): boolean | Promise<boolean>;
  /** Connections at a time; more are closed at once. Default 256. */
  readonly maxConnections?: number;
}

/** As much of a prom-client registry as is served. */
export interface MetricsText {
  metrics(): Promise<string>;
  readonly contentType: string;
}

export interface OperationsServer extends AsyncDisposable {
  /** `host:port` as bound. */
  readonly address: string;
}

/**
 * Serves `/metrics` (Prometheus text), `/healthz` (200 as long as the process answers) and `/readyz` (503 while checks
 * can't be decided).
 *
 * @throws ListenError
 */
export async function startOperations(options: OperationsOptions): Promise<OperationsServer> {
  const { host, port, tls, registry, isReady, maxConnections = 256 } = options;
  const server = createHttpServer(
    tls,
    { requestTimeout: 5000, headersTimeout: 5000, maxHeaderSize: 8192 },
    (request, response) => {
      answer(request, response, registry, isReady).catch(() => response.destroy());
    },
  );
  server.maxConnections = maxConnections;
  // Also those that node:https does not know of, since their handshake has not ended.
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.once('close', () => sockets.delete(socket))));
  await listening(server, host, port);
  const bound = server.address() as AddressInfo;
  return {
    address: `${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`,
    [Symbol.asyncDispose]: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  registry: MetricsText,
  isReady: OperationsOptions['isReady'],
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, 'method not allowed\n');
  const [path] = (request.url ?? '').split('?');
  if (path === '/healthz') return send(response, 200, 'ok\n');
  if (path === '/readyz')
    return (await isReady()) ? send(response, 200, 'ready\n') : send(response, 503, 'not ready\n');
  if (path === '/metrics') return send(response, 200, await registry.metrics(), registry.contentType);
  send(response, 404, 'not found\n');
}

function send(response: ServerResponse, status: number, body: string, contentType = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }).end(body);
}

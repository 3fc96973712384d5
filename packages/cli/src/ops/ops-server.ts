import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import type { TraceStore } from '../receiver/trace-store.ts';
import { answerJaegerQuery } from './jaeger.ts';
import { mergeMetrics, type OpsSource } from './sources.ts';

export interface OpsOptions {
  readonly host: string;
  readonly port: number;
  /** The parts that are ready together and show their metrics together. */
  readonly sources: readonly OpsSource[];
  /** Traces to be looked at, where they are kept. */
  readonly traces?: TraceStore;
}

export interface OpsServer extends AsyncDisposable {
  readonly port: number;
}

/** `/healthz`, `/readyz` and `/metrics`, and the kept traces in Jaeger's terms, for whoever operates this. */
export async function startOpsServer(options: OpsOptions): Promise<OpsServer> {
  const server = createServer({ maxHeaderSize: 8 * 1024, requestTimeout: 5_000 }, async (request, response) => {
    try {
      await answer(options, request, response);
    } catch {
      reply(response, 500, 'text/plain', 'failed\n');
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : options.port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await promisify(server.close.bind(server))();
    },
  };
}

const METRICS = 'text/plain; version=0.0.4; charset=utf-8';

async function answer(
  { sources, traces }: OpsOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return reply(response, 405, 'text/plain', 'GET only\n');
  const url = new URL(request.url ?? '/', 'http://ops');
  switch (url.pathname) {
    case '/healthz':
      return reply(response, 200, 'text/plain', 'ok\n');
    case '/readyz': {
      const missing = await notReady(sources);
      return missing.length === 0
        ? reply(response, 200, 'text/plain', 'ready\n')
        : reply(response, 503, 'text/plain', `not ready: ${missing.join(', ')}\n`);
    }
    case '/metrics':
      return reply(response, 200, METRICS, mergeMetrics(await Promise.all(sources.map(source => source.metrics()))));
  }
  const found = traces && isDirect(request) && answerJaegerQuery(traces, url);
  if (found) return reply(response, found.status, 'application/json', `${JSON.stringify(found.body)}\n`);
  reply(response, 404, 'text/plain', 'not found\n');
}

async function notReady(sources: readonly OpsSource[]): Promise<string[]> {
  const ready = await Promise.all(sources.map(source => source.isReady()));
  return sources.filter((_, index) => !ready[index]).map(({ name }) => name);
}

/** A page that rebinds a name of its own to this address sends that name, and must not read traces. */
function isDirect({ headers }: IncomingMessage): boolean {
  const host = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return host === 'localhost' || isIP(host) !== 0;
}

function reply(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { 'content-type': contentType, 'x-content-type-options': 'nosniff' }).end(body);
}

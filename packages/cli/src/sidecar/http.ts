import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { signals } from '../gateway-config/signals.ts';
import { CONTENT_TYPES, encodeStatus } from '../receiver/answer.ts';
import { readBody } from '../receiver/body.ts';
import { type Outcome, refused } from '../receiver/outcome.ts';
import type { Encoding } from '../receiver/signals.ts';
import type { IntakeLimits } from './grpc.ts';
import type { Intake } from './intake.ts';

export interface IntakeHttpOptions extends IntakeLimits {
  readonly intake: Intake;
  readonly isReady: () => boolean;
  /** In Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  /** Told of each request that a signal's path got. */
  readonly observe: (signal: string, outcome: Outcome) => void;
}

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** OTLP/HTTP in protobuf, and `/healthz`, `/readyz`, `/metrics`, for whoever is on this machine; not listening yet. */
export function createIntakeHttpServer(options: IntakeHttpOptions): HttpServer {
  const { timeoutMs } = options;
  let underWay = 0;
  const server = createServer(
    {
      maxHeaderSize: 16 * 1024,
      headersTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: 75_000,
    },
    async (request, response) => {
      if (request.method === 'GET' && (await answerOps(options, request, response))) return;
      underWay += 1;
      let outcome: Outcome;
      try {
        const overloaded = underWay > options.maxConcurrent;
        outcome = overloaded
          ? refused('unavailable', 'too many requests are under way')
          : await receive(options, request);
      } catch {
        outcome = refused('internal', 'the request could not be handled');
      }
      underWay -= 1;
      answer(response, isJson(request) ? 'json' : 'protobuf', outcome);
      request.resume();
    },
  );
  server.maxConnections = 1_000;
  return server;
}

async function receive(
  { intake, maxRequestBytes, observe }: IntakeHttpOptions,
  request: IncomingMessage,
): Promise<Outcome> {
  const path = (request.url ?? '').split('?', 1)[0];
  const signal = signals.find(({ httpPath }) => httpPath === path);
  if (!signal) return refused('not_found', 'no telemetry is taken on this path');
  const outcome = await take(signal);
  observe(signal.name, outcome);
  return outcome;

  async function take({ name }: (typeof signals)[number]): Promise<Outcome> {
    if (request.method !== 'POST') return refused('method_not_allowed', 'exports are POSTed');
    if (mediaType(request) !== CONTENT_TYPES.protobuf) {
      const remedy = isJson(request) ? ", not OTLP's JSON: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" : '';
      return refused('unsupported', `spanpass forward takes ${CONTENT_TYPES.protobuf}${remedy}`);
    }
    const body = await readBody(request, maxRequestBytes);
    return 'kind' in body ? body : intake(name, body);
  }
}

async function answerOps(
  { isReady, metrics }: IntakeHttpOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  switch (request.url) {
    case '/healthz':
      response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
      return true;
    case '/readyz':
      response.writeHead(isReady() ? 200 : 503, { 'content-type': 'text/plain' });
      response.end(isReady() ? 'ready\n' : 'not ready\n');
      return true;
    case '/metrics':
      response.writeHead(200, { 'content-type': METRICS_TYPE }).end(await metrics());
      return true;
    default:
      return false;
  }
}

function answer(response: ServerResponse, encoding: Encoding, outcome: Outcome): void {
  response.setHeader('content-type', CONTENT_TYPES[encoding]);
  if (outcome.kind === 'accepted') {
    response.writeHead(200).end(outcome.response);
    return;
  }
  if (outcome.retryAfterSeconds !== undefined) response.setHeader('retry-after', String(outcome.retryAfterSeconds));
  if (outcome.httpStatus === 405) response.setHeader('allow', 'POST');
  response.writeHead(outcome.httpStatus).end(encodeStatus(encoding, outcome.code, outcome.message));
}

function mediaType(request: IncomingMessage): string | undefined {
  return request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
}

function isJson(request: IncomingMessage): boolean {
  return mediaType(request) === CONTENT_TYPES.json;
}

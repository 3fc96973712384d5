import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  AuthenticationError,
  authenticateHttp,
  type HttpRefusal,
  type Principal,
  refusalToHttp,
  type Server,
} from '@spanpass/server';
import { CONTENT_TYPES, encodeResponse, encodeStatus } from './answer.ts';
import { readBody } from './body.ts';
import { type Outcome, refused } from './outcome.ts';
import type { Pipeline } from './pipeline.ts';
import { type Encoding, OTLP_SIGNALS, type SignalOnTheWire } from './signals.ts';

export interface OtlpHttpOptions {
  readonly server: Server;
  readonly pipeline: Pipeline;
  readonly maxBodyBytes: number;
  readonly timeoutMs: number;
  readonly maxConcurrent: number;
}

/** OTLP/HTTP on node:http, not listening yet. Who sends is checked before the body is read. */
export function createOtlpHttpServer(options: OtlpHttpOptions): HttpServer {
  let underWay = 0;
  const server = createServer(
    {
      maxHeaderSize: 16 * 1024,
      headersTimeout: options.timeoutMs,
      requestTimeout: options.timeoutMs,
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: 75_000,
    },
    async (request, response) => {
      const encoding = encodingOf(request);
      underWay += 1;
      try {
        const found = underWay > options.maxConcurrent ? OVERLOADED : await receive(options, request, encoding);
        if ('body' in found) response.writeHead(found.status, found.headers).end(found.body);
        else answer(response, encoding ?? 'json', found);
      } catch {
        answer(response, encoding ?? 'json', { outcome: refused('internal', 'the request could not be handled') });
      } finally {
        underWay -= 1;
        // What was not read of the body is let go, until the request's time is over, so that the answer gets out.
        request.resume();
      }
    },
  );
  // No limit here, since node:http would drop what is beyond it and say nothing; the request is refused below.
  server.maxHeadersCount = 0;
  server.maxConnections = 1_000;
  return server;
}

const MAX_HEADERS = 100;

interface Answer {
  readonly outcome: Outcome;
  readonly signal?: SignalOnTheWire;
  readonly headers?: Readonly<Record<string, string>>;
}

const OVERLOADED: Answer = { outcome: refused('unavailable', 'too many exports are under way') };

async function receive(
  { server, pipeline, maxBodyBytes }: OtlpHttpOptions,
  request: IncomingMessage,
  encoding: Encoding | undefined,
): Promise<Answer | HttpRefusal> {
  if (request.rawHeaders.length > MAX_HEADERS * 2) return { outcome: refused('too_many_headers', 'too many headers') };
  let principal: Principal;
  try {
    principal = await authenticateHttp(server, request);
  } catch (error) {
    return refusalToHttp(AuthenticationError.from(error), request.headers['content-type']);
  }
  const path = (request.url ?? '').split('?', 1)[0];
  const signal = OTLP_SIGNALS.find(({ httpPath }) => httpPath === path);
  if (!signal) return { outcome: refused('not_found', 'no telemetry is taken on this path') };
  if (request.method !== 'POST') {
    return { outcome: refused('method_not_allowed', 'exports are POSTed'), headers: { allow: 'POST' } };
  }
  if (!encoding) {
    return { outcome: refused('unsupported', 'content-type must be application/x-protobuf or application/json') };
  }
  const body = await readBody(request, maxBodyBytes);
  if ('kind' in body) return { outcome: body };
  return { outcome: await pipeline({ signal: signal.name, encoding, body, identity: principal }), signal };
}

function answer(response: ServerResponse, encoding: Encoding, { outcome, signal, headers }: Answer): void {
  response.setHeader('content-type', CONTENT_TYPES[encoding]);
  for (const [name, value] of Object.entries(headers ?? {})) response.setHeader(name, value);
  if (outcome.kind === 'accepted') {
    response.writeHead(200).end(encodeResponse(encoding, signal?.name ?? 'traces', outcome.response));
    return;
  }
  if (outcome.retryAfterSeconds !== undefined) response.setHeader('retry-after', String(outcome.retryAfterSeconds));
  response.writeHead(outcome.httpStatus).end(encodeStatus(encoding, outcome.code, outcome.message));
}

function encodingOf(request: IncomingMessage): Encoding | undefined {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type === CONTENT_TYPES.protobuf) return 'protobuf';
  return type === CONTENT_TYPES.json ? 'json' : undefined;
}

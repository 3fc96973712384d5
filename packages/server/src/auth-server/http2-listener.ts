import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, Server as NetServer } from 'node:net';
import { type CallHeaders, CHECK_PATH, checkAnswerer, EXT_AUTHZ_SERVICE } from '../ext-authz/check-answerer.ts';
import { fail, readMessage, STATUS, succeed } from '../grpc-http2/call.ts';
import { Connections } from '../grpc-http2/connections.ts';
import { HEALTH_CHECK_PATH, HEALTH_WATCH_PATH, Health } from '../grpc-http2/health.ts';
import { listening } from '../operations/listening.ts';
import { createHttp2Server } from '../tls/listeners.ts';
import { type GrpcListener, type GrpcListenerOptions, MAX_MESSAGE_BYTES } from './grpc-listener.ts';

/** The headers of a call, names and values and 32 bytes for each (RFC 9113 section 6.5.2). */
const MAX_HEADER_LIST_BYTES = 16_384;
const MAX_HEADER_PAIRS = 64;

/** A message of the usual size arrives without waiting for the window to be opened. */
const WINDOW_BYTES = 65_535;

/**
 * The same services as `startGrpcListener`, on `node:http2` alone: unary calls without compression, which is all that
 * Envoy makes, for about half of the processor time. What of the protocol it leaves out is answered UNIMPLEMENTED.
 *
 * @throws ListenError
 */
export async function startHttp2Listener(options: GrpcListenerOptions): Promise<GrpcListener> {
  const { host, port, tls, server, observer, shared, bounds = {} } = options;
  const answer = checkAnswerer(server, observer);
  const health = new Health(['', EXT_AUTHZ_SERVICE]);
  const http2 = createHttp2Server(tls, {
    maxHeaderListPairs: MAX_HEADER_PAIRS,
    maxSettings: 32,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    unknownProtocolTimeout: 5000,
    settings: {
      enablePush: false,
      maxConcurrentStreams: bounds.maxStreams ?? 1000,
      maxHeaderListSize: MAX_HEADER_LIST_BYTES,
      initialWindowSize: WINDOW_BYTES,
    },
  });
  const connections = new Connections(http2, {
    maxAgeMs: bounds.maxAgeMs ?? 600_000,
    ageGraceMs: bounds.ageGraceMs ?? 10_000,
    keepaliveMs: bounds.keepaliveMs ?? 30_000,
    keepaliveTimeoutMs: 10_000,
  });
  http2.on('stream', (stream, headers) => {
    stream.on('error', ignore);
    take(stream, headers);
  });
  http2.on('sessionError', ignore);
  await listening(http2, host, port, shared);
  const bound = http2.address() as AddressInfo;
  return {
    address: `${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`,
    setServing: serving => health.setServing(serving),
    drain(timeoutMs) {
      health.end();
      return drain(http2, connections, timeoutMs);
    },
  };

  function take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    if (headers[':method'] !== 'POST' || !headers['content-type']?.startsWith('application/grpc')) {
      // What is no gRPC call is answered as HTTP (PROTOCOL-HTTP2, "Responses").
      stream.respond({ ':status': 415 }, { endStream: true });
      stream.close();
      return;
    }
    switch (headers[':path']) {
      case CHECK_PATH:
        readMessage(stream, MAX_MESSAGE_BYTES, message =>
          answer(message, new StreamHeaders(headers), bytes => succeed(stream, bytes)),
        );
        break;
      case HEALTH_CHECK_PATH:
        readMessage(stream, MAX_MESSAGE_BYTES, message => health.check(stream, message));
        break;
      case HEALTH_WATCH_PATH:
        readMessage(stream, MAX_MESSAGE_BYTES, message => health.watch(stream, message));
        break;
      default:
        fail(stream, STATUS.unimplemented, 'no such method');
    }
  }
}

/** node:http2 joins what was sent twice with a comma, as trace context never holds one. */
class StreamHeaders implements CallHeaders {
  readonly #headers: IncomingHttpHeaders;

  constructor(headers: IncomingHttpHeaders) {
    this.#headers = headers;
  }

  get(name: string): readonly unknown[] {
    const value = this.#headers[name];
    return value === undefined ? [] : [value].flat();
  }
}

async function drain(http2: Http2Server, connections: Connections, timeoutMs: number): Promise<void> {
  // Its own `close` would end all connections at once.
  const closed = new Promise<void>(resolve => NetServer.prototype.close.call(http2, () => resolve()));
  await connections.drain(timeoutMs);
  await closed;
}

function ignore(): void {}

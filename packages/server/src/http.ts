import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { CheckedRequest, Principal, Server } from './contract.ts';
import { certificateOf } from './peer.ts';
import { refusalHeaders, rpcStatus } from './refusal-headers.ts';
import type { AuthenticationError } from './refusals.ts';

/**
 * Checks a request that reached a node:http server. It reads `rawHeaders`: `headers` silently keeps the first of two
 * authorization values.
 *
 * @throws AuthenticationError (or rejects with it) when the request is refused
 */
export function authenticateHttp(server: Server, request: IncomingMessage): Principal | Promise<Principal> {
  return server.authenticate(readHttpRequest(request));
}

/** What is known of a request that reached a node:http server. */
export function readHttpRequest(request: IncomingMessage): CheckedRequest {
  const { socket } = request;
  const tls = socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate() : undefined;
  const certificate = certificateOf(tls);
  const address = socket.remoteAddress ?? '';
  return {
    headers: readHttpHeaders(request),
    method: request.method ?? '',
    path: request.url ?? '',
    peer: certificate ? { address, certificate } : { address },
  };
}

/** All values of each header: one as it is, several as a list. */
export function readHttpHeaders({ rawHeaders }: IncomingMessage): CheckedRequest['headers'] {
  const headers: Record<string, string | string[] | undefined> = Object.create(null);
  for (let at = 1; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at - 1] as string).toLowerCase();
    const value = rawHeaders[at] as string;
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (typeof before === 'string') headers[name] = [before, value];
    else before.push(value);
  }
  return headers;
}

/** An HTTP answer, ready to be sent. */
export interface HttpRefusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/**
 * The answer to a refused OTLP/HTTP request: a `google.rpc.Status` in the request's own encoding (OTLP specification,
 * "OTLP/HTTP Response"), JSON unless that is protobuf.
 */
export function refusalToHttp({ refusal }: AuthenticationError, contentType: string | undefined): HttpRefusal {
  const protobuf = /^application\/x-protobuf\s*(;|$)/i.test(contentType ?? '');
  const { grpcStatus: code, message } = refusal;
  const body = protobuf ? rpcStatus(refusal) : Buffer.from(JSON.stringify({ code, message }));
  return {
    status: refusal.httpStatus,
    headers: {
      ...refusalHeaders(refusal),
      'content-type': protobuf ? 'application/x-protobuf' : 'application/json',
      'content-length': String(body.length),
    },
    body,
  };
}

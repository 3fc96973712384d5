import http, { type RequestListener, type ServerOptions } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { TlsOptions as NodeTlsOptions } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import type { TlsSource } from './tls-source.ts';

/** A client that opens a connection and then says nothing must not keep it. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Credentials of a grpc-js server: its certificate, else clear text. */
export function grpcCredentials(tls: TlsSource | undefined): ServerCredentials {
  return tls === undefined ? ServerCredentials.createInsecure() : new FollowingCredentials(tls);
}

class FollowingCredentials extends ServerCredentials {
  constructor(tls: TlsSource) {
    super(demandsOf(tls), tls.context);
    tls.follow(context => this.updateSecureContextOptions(context));
  }

  _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

/** A node:http server, or a node:https one with this certificate. */
export function createHttpServer(
  tls: TlsSource | undefined,
  options: ServerOptions,
  listener: RequestListener,
): http.Server | https.Server {
  if (tls === undefined) return http.createServer(options, listener);
  const server = https.createServer({ ...options, ...tls.context, ...demandsOf(tls) }, listener);
  tls.follow(context => server.setSecureContext(context));
  return server;
}

/** A node:http2 server in clear text, or with this certificate; no other protocol is spoken there. */
export function createHttp2Server(tls: TlsSource | undefined, options: http2.ServerOptions): http2.Http2Server {
  if (tls === undefined) return http2.createServer(options);
  const server = http2.createSecureServer({ ...options, ...tls.context, ...demandsOf(tls), allowHTTP1: false });
  tls.follow(context => server.setSecureContext(context));
  return server;
}

function demandsOf({ demandsCertificate }: TlsSource): NodeTlsOptions {
  return {
    requestCert: demandsCertificate,
    rejectUnauthorized: demandsCertificate,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  };
}

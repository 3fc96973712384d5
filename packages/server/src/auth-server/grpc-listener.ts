import { Server as GrpcServer, type ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { Server } from '../contract.ts';
import { EXT_AUTHZ_SERVICE } from '../ext-authz/check-answerer.ts';
import { extAuthzService } from '../ext-authz/service.ts';
import type { Observer } from '../observer.ts';
import { assertListenable, ListenError } from '../operations/listening.ts';
import { grpcCredentials } from '../tls/listeners.ts';
import type { TlsSource } from '../tls/tls-source.ts';

/** A CheckRequest holds the headers and a certificate; 64 KiB of headers must still arrive to be refused by name. */
export const MAX_MESSAGE_BYTES = 262_144;

/** Bounds on connections, in time and number. Clients are asked to open another one; what is under way goes on. */
export interface ConnectionBounds {
  /**
   * How long a connection lives: one whose client certificate is trusted no more, and a call that never comes to its end,
   * end with it. Default 600,000 ms.
   */
  readonly maxAgeMs?: number;
  /** How long calls under way may then still take. Default 10,000 ms. */
  readonly ageGraceMs?: number;
  /** How often a silent peer is asked whether it is still there. Default 30,000 ms. */
  readonly keepaliveMs?: number;
  /** Calls at a time on one connection; Envoy opens another one for more. Default 1000. */
  readonly maxStreams?: number;
}

export interface GrpcListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsSource | undefined;
  readonly server: Server;
  readonly observer: Observer;
  /** Whether the other workers of a node:cluster listen there too. Default false. */
  readonly shared?: boolean;
  readonly bounds?: ConnectionBounds;
}

/** Where Envoy asks: ext_authz, and gRPC health for both of its names. */
export interface GrpcListener {
  /** `host:port` as bound. */
  readonly address: string;
  /** What health says, NOT_SERVING at first. */
  setServing(serving: boolean): void;
  /** Takes no more calls, and lets those under way be answered for as long as the time bound allows. */
  drain(timeoutMs: number): Promise<void>;
}

/** @throws ListenError */
export async function startGrpcListener(options: GrpcListenerOptions): Promise<GrpcListener> {
  const { host, port, tls, server, observer, shared = false, bounds = {} } = options;
  const health = new HealthImplementation();
  const setServing = (serving: boolean) => {
    for (const service of ['', EXT_AUTHZ_SERVICE]) health.setStatus(service, serving ? 'SERVING' : 'NOT_SERVING');
  };
  setServing(false);
  const grpc = new GrpcServer({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    // Nobody asks it, and it counts and dates each call.
    'grpc.enable_channelz': 0,
    'grpc.max_connection_age_ms': bounds.maxAgeMs ?? 600_000,
    'grpc.max_connection_age_grace_ms': bounds.ageGraceMs ?? 10_000,
    'grpc.keepalive_time_ms': bounds.keepaliveMs ?? 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.max_concurrent_streams': bounds.maxStreams ?? 1000,
  });
  const { definition, implementation } = extAuthzService(server, observer);
  grpc.addService(definition, implementation);
  health.addToServer(grpc);
  const address = await bind(grpc, { host, port, shared, credentials: grpcCredentials(tls) });
  return { address, setServing, drain: timeoutMs => drain(grpc, address, timeoutMs) };
}

/** @throws ListenError */
async function bind(
  grpc: GrpcServer,
  { host, port, shared, credentials }: { host: string; port: number; shared: boolean; credentials: ServerCredentials },
): Promise<string> {
  // Where it is shared, whoever has the workers has looked.
  if (port !== 0 && !shared) await assertListenable(host, port);
  const address = host.includes(':') ? `[${host}]` : host;
  const bound = await new Promise<number>((resolve, reject) =>
    grpc.bindAsync(`${address}:${port}`, credentials, (cause, boundPort) => {
      if (cause) reject(new ListenError('listen_failed', `${address}:${port}`, { cause }));
      else resolve(boundPort);
    }),
  );
  return `${address}:${bound}`;
}

/** Not by `forceShutdown`, which finds no connection to close where channelz is off. */
async function drain(grpc: GrpcServer, address: string, timeoutMs: number): Promise<void> {
  grpc.drain(address, timeoutMs);
  await new Promise<void>(resolve => grpc.tryShutdown(() => resolve()));
}

import type { ServerHttp2Stream } from 'node:http2';
import { WireCursor } from '../ext-authz/wire-cursor.ts';
import { begin, fail, STATUS, succeed } from './call.ts';
import { framed } from './framing.ts';

/** HealthCheckResponse.ServingStatus (grpc/health/v1/health.proto), as messages. */
const SERVING = Buffer.from([0x08, 1]);
const NOT_SERVING = Buffer.from([0x08, 2]);
const SERVICE_UNKNOWN = Buffer.from([0x08, 3]);

export const HEALTH_CHECK_PATH = '/grpc.health.v1.Health/Check';
export const HEALTH_WATCH_PATH = '/grpc.health.v1.Health/Watch';

/** gRPC health of some services that are healthy together. */
export class Health {
  readonly #services: ReadonlySet<string>;
  readonly #watchers = new Set<ServerHttp2Stream>();
  #serving = false;

  constructor(services: readonly string[]) {
    this.#services = new Set(services);
  }

  setServing(serving: boolean): void {
    if (this.#serving === serving) return;
    this.#serving = serving;
    for (const stream of this.#watchers) stream.write(framed(this.#status));
  }

  check(stream: ServerHttp2Stream, message: Buffer): void {
    const service = serviceOf(message);
    if (service === undefined) fail(stream, STATUS.invalidArgument, 'the request can not be read');
    else if (this.#services.has(service)) succeed(stream, this.#status);
    else fail(stream, STATUS.notFound, 'no such service');
  }

  /** Tells of the status now and of each change, until the caller leaves or the server stops. */
  watch(stream: ServerHttp2Stream, message: Buffer): void {
    const service = serviceOf(message);
    if (service === undefined) {
      fail(stream, STATUS.invalidArgument, 'the request can not be read');
      return;
    }
    begin(stream);
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(STATUS.unavailable) }));
    const known = this.#services.has(service);
    stream.write(framed(known ? this.#status : SERVICE_UNKNOWN));
    if (!known) return;
    this.#watchers.add(stream);
    stream.once('close', () => this.#watchers.delete(stream));
  }

  /** Tells nobody any more. */
  end(): void {
    for (const stream of this.#watchers) stream.end();
  }

  get #status(): Buffer {
    return this.#serving ? SERVING : NOT_SERVING;
  }
}

/** HealthCheckRequest: `service` (1). */
function serviceOf(message: Buffer): string | undefined {
  try {
    const cursor = new WireCursor(message);
    let service = '';
    while (cursor.next(message.length)) if (cursor.field === 1) service = cursor.text();
    return service;
  } catch {
    return undefined;
  }
}

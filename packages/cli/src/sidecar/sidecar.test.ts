import { existsSync } from 'node:fs';
import { link, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { type Outcome, pendingIn, SIGNAL_KINDS, type SignalKind, type Transport } from '@spanpass/tracing/durable';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { statusBytes } from '../gateway-config/envoy/status.ts';
import { signals } from '../gateway-config/signals.ts';
import { type Sidecar, type SidecarOptions, startSidecar } from './sidecar.ts';

const TCP = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
const AWAY: Outcome = { kind: 'retry', reason: 'gRPC UNAVAILABLE', message: 'away' };
/** ResourceSpans, ScopeSpans, an item with a first field, and a field that nobody knows, in an order of its own. */
const request = (name: string) => {
  const text = Buffer.from(name);
  const wrap = (bytes: Buffer, tag: number) => Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);
  const span = wrap(text, 0x0a);
  return Buffer.concat([Buffer.from([0xf8, 0x07, 0x01]), wrap(wrap(wrap(span, 0x12), 0x12), 0x0a)]);
};

let folder: string;
let gateway: { answer: () => Outcome; readonly taken: [SignalKind, string][] };
let running: Sidecar[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spanpass-sidecar-'));
  gateway = { answer: () => ({ kind: 'accepted', rejectedItems: 0, message: '' }), taken: [] };
  running = [];
});
afterEach(async () => {
  for (const sidecar of running) await sidecar.stop();
  await rm(folder, { recursive: true });
});

async function start(options: Partial<SidecarOptions> = {}): Promise<Sidecar> {
  const transport: Transport = {
    peer: 'gateway',
    async send(kind, payload) {
      const outcome = gateway.answer();
      if (outcome.kind === 'accepted') gateway.taken.push([kind, payload.toString('hex')]);
      return outcome;
    },
    close() {},
  };
  const silent = () => {};
  const log = { info: silent, warn: silent, error: silent };
  const sidecar = await startSidecar({
    grpc: TCP,
    http: TCP,
    spool: { folder: join(folder, 'spool') },
    transport,
    credentials: {},
    flushTimeoutMs: 0,
    log,
    ...options,
  });
  running.push(sidecar);
  return sidecar;
}

async function stopped(sidecar: Sidecar): Promise<number> {
  running = running.filter(other => other !== sidecar);
  return sidecar.stop();
}

function call({ grpcAddress }: Sidecar, kind: SignalKind, body: Uint8Array, compress = false) {
  const client = new Client(grpcAddress, credentials.createInsecure(), {
    'grpc.default_compression_algorithm': compress ? 2 : 0,
    'grpc.use_local_subchannel_pool': 1,
  });
  const path = signals.find(({ name }) => name === kind)?.grpcPath ?? '';
  const same = (bytes: Buffer) => bytes;
  return new Promise<ServiceError | null>(resolve => {
    client.makeUnaryRequest(path, same, same, Buffer.from(body), error => {
      client.close();
      resolve(error);
    });
  });
}

function post(
  { httpAddress }: Sidecar,
  path: string,
  body: Uint8Array | string,
  headers: Record<string, string> = {},
  method = 'POST',
): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: Buffer }> {
  const [, socketPath] = /^unix:(.*)/.exec(httpAddress) ?? [];
  const [host, port] = httpAddress.split(':');
  const where = socketPath === undefined ? { host, port } : { socketPath };
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      { ...where, path, method, agent: false, headers: { 'content-type': 'application/x-protobuf', ...headers } },
      async response => {
        const { statusCode: code = 0, headers: found } = response;
        resolve({ status: code, headers: found, body: await buffer(response) });
      },
    );
    sent.once('error', reject);
    sent.end(body);
  });
}

const allTaken = (count: number) => vi.waitFor(() => expect(gateway.taken).toHaveLength(count), { timeout: 5_000 });

describe('what a piped sends', () => {
  it.each(SIGNAL_KINDS)('%s go on byte for byte, over gRPC and HTTP, compressed or not', async kind => {
    const sidecar = await start();
    const path = signals.find(({ name }) => name === kind)?.httpPath ?? '';
    const [first, second, third, fourth] = [request('1'), request('2'), request('3'), request('4')];
    expect(await call(sidecar, kind, first)).toBeNull();
    expect(await call(sidecar, kind, second, true)).toBeNull();
    expect(await post(sidecar, path, third)).toMatchObject({ status: 200, body: Buffer.alloc(0) });
    const gzip = { 'content-encoding': 'gzip' };
    expect(await post(sidecar, path, gzipSync(fourth), gzip)).toMatchObject({ status: 200 });
    await allTaken(4);
    expect(gateway.taken).toEqual([first, second, third, fourth].map(body => [kind, body.toString('hex')]));
  });

  it('waits on disk while the gateway is away, and is sent after a restart', async () => {
    gateway.answer = () => AWAY;
    const before = await start();
    for (const name of ['one', 'two', 'three']) expect(await call(before, 'traces', request(name))).toBeNull();
    expect(await stopped(before)).toBe(3);
    expect(await pendingIn(join(folder, 'spool'))).toMatchObject([{ kind: 'traces', records: 3, items: 3 }]);

    gateway.answer = () => ({ kind: 'accepted', rejectedItems: 0, message: '' });
    await start();
    await allTaken(3);
    expect(gateway.taken.map(([, hex]) => hex)).toEqual(
      ['one', 'two', 'three'].map(name => request(name).toString('hex')),
    );
  });

  it('is sent as it stops, within the time', async () => {
    gateway.answer = () => AWAY;
    const sidecar = await start({ flushTimeoutMs: 5_000 });
    await call(sidecar, 'logs', request('last'));
    gateway.answer = () => ({ kind: 'accepted', rejectedItems: 0, message: '' });
    expect(await stopped(sidecar)).toBe(0);
    expect(gateway.taken).toHaveLength(1);
  });
});

describe('refusals', () => {
  it('a full spool: UNAVAILABLE or 503, when to come again, and nothing that was taken is dropped', async () => {
    gateway.answer = () => AWAY;
    const sidecar = await start({ spool: { folder: join(folder, 'spool'), maxBytes: 64 * 1024 } });
    const large = () => Buffer.concat([request('filler'), Buffer.from([0xfa, 0x07, 0x80, 0x28]), Buffer.alloc(5_120)]);
    let accepted = 0;
    while ((await call(sidecar, 'metrics', large())) === null) accepted++;
    const refusal = await call(sidecar, 'metrics', large());
    const message = 'the spool is full, since the gateway has not taken what is in it';
    expect(refusal).toMatchObject({ code: status.UNAVAILABLE, details: message });
    expect(refusal?.metadata.get('grpc-status-details-bin')).toEqual([
      Buffer.from(statusBytes(status.UNAVAILABLE, message, 5)),
    ]);
    const overHttp = await post(sidecar, '/v1/metrics', large());
    expect(overHttp).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    expect(overHttp.body).toEqual(Buffer.from(statusBytes(status.UNAVAILABLE, message)));
    expect(accepted).toBeGreaterThan(5);

    gateway.answer = () => ({ kind: 'accepted', rejectedItems: 0, message: '' });
    await vi.waitFor(async () => expect(await call(sidecar, 'metrics', large())).toBeNull(), { timeout: 5_000 });
    await allTaken(accepted + 1);
  });

  it("OTLP's JSON, with what to do instead", async () => {
    const sidecar = await start();
    const { status: code, body } = await post(sidecar, '/v1/traces', '{"resourceSpans":[]}', {
      'content-type': 'application/json; charset=utf-8',
    });
    expect(code).toBe(415);
    expect(JSON.parse(body.toString())).toEqual({
      code: status.UNIMPLEMENTED,
      message:
        "spanpass forward takes application/x-protobuf, not OTLP's JSON: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
    });
    expect(gateway.taken).toEqual([]);
  });

  it.each([
    ['no protobuf', '/v1/traces', Buffer.from([0xff, 0xff]), {}, 'POST', 400],
    ['no gzip', '/v1/traces', Buffer.from('text'), { 'content-encoding': 'gzip' }, 'POST', 400],
    ['an unknown coding', '/v1/traces', Buffer.from('text'), { 'content-encoding': 'br' }, 'POST', 415],
    ['too long', '/v1/traces', Buffer.alloc(2_000), {}, 'POST', 413],
    [
      'too long when it is inflated',
      '/v1/traces',
      gzipSync(Buffer.alloc(100_000)),
      { 'content-encoding': 'gzip' },
      'POST',
      413,
    ],
    ['another path', '/v1/events', request('a'), {}, 'POST', 404],
    ['another method', '/v1/traces', Buffer.alloc(0), {}, 'PUT', 405],
  ])('over HTTP: %s', async (_what, path, body, headers, method, code) => {
    const sidecar = await start({ maxRequestBytes: 1_000 });
    expect(await post(sidecar, path, body, headers, method)).toMatchObject({ status: code });
    expect(gateway.taken).toEqual([]);
  });

  it('over gRPC: what is malformed, and what is too long', async () => {
    const sidecar = await start({ maxRequestBytes: 1_000 });
    expect(await call(sidecar, 'traces', Buffer.from([0xff, 0xff]))).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(await call(sidecar, 'traces', Buffer.alloc(2_000))).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });
});

it('shows that it is ready, and what it holds', async () => {
  gateway.answer = () => AWAY;
  const sidecar = await start();
  await call(sidecar, 'traces', request('one'));
  await post(sidecar, '/v1/logs', Buffer.from([0xff]));
  const get = async (path: string) => (await post(sidecar, path, '', {}, 'GET')).body.toString();
  expect(await get('/healthz')).toBe('ok\n');
  expect(await get('/readyz')).toBe('ready\n');
  const metrics = await get('/metrics');
  expect(metrics).toContain('spanpass_forward_items_pending{signal="traces"} 1\n');
  expect(metrics).toContain('spanpass_forward_requests_total{protocol="grpc",signal="traces",code="0"} 1\n');
  expect(metrics).toContain('spanpass_forward_requests_total{protocol="http",signal="logs",code="3"} 1\n');
  expect(metrics).toMatch(/^spanpass_forward_spool_bytes [1-9]/m);
  gateway.answer = () => ({ kind: 'accepted', rejectedItems: 0, message: '' });
  // Asked twice, it says the same.
  for (const _ of [1, 2]) await vi.waitFor(async () => expect(await get('/metrics')).toContain('items_sent_total 1\n'));
  expect(await get('/metrics')).toMatch(/^spanpass_forward_send_failures_total [1-9]/m);
});

describe('on Unix sockets', () => {
  const sockets = () =>
    ({
      grpc: { kind: 'socket', path: join(folder, 'grpc.sock') },
      http: { kind: 'socket', path: join(folder, 'http.sock') },
    }) as const;

  it('it listens for its own user, also where a killed one left its sockets', async () => {
    const { grpc, http } = sockets();
    for (const { path } of [grpc, http]) await leaveStaleSocket(path);
    const sidecar = await start(sockets());
    expect(sidecar).toMatchObject({ grpcAddress: `unix:${grpc.path}`, httpAddress: `unix:${http.path}` });
    for (const { path } of [grpc, http]) expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await call(sidecar, 'traces', request('one'))).toBeNull();
    expect(await post(sidecar, '/v1/traces', request('two'))).toMatchObject({ status: 200 });
    await allTaken(2);
  });

  it('it takes none from a process that lives, and removes no file', async () => {
    await start(sockets());
    await expect(start({ ...sockets(), spool: { folder: join(folder, 'other') } })).rejects.toThrow(
      /^can't listen on .*grpc\.sock: another process listens there$/,
    );
    const path = join(folder, 'precious');
    await writeFile(path, 'text');
    await expect(start({ http: { kind: 'socket', path }, spool: { folder: join(folder, 'other') } })).rejects.toThrow(
      /it is no socket$/,
    );
    expect(existsSync(path)).toBe(true);
  });
});

/** Node removes a socket that it closes; a hard link of it stays, and nobody listens there. */
async function leaveStaleSocket(path: string): Promise<void> {
  const server = createNetServer();
  await new Promise<void>(resolve => server.listen(`${path}.first`, resolve));
  await link(`${path}.first`, path);
  await new Promise(resolve => server.close(resolve));
}

import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpReceiver } from '../testing/http-receiver.ts';
import { partialSuccess, rpcStatus } from '../testing/protobuf.ts';
import { scratchFolder } from '../testing/scratch.ts';
import { selfSigned } from '../testing/tls.ts';
import { outcomeOfHttpAnswer } from './http-outcome.ts';
import { type HttpTransportOptions, httpTransport } from './http-transport.ts';
import type { Outcome } from './outcome.ts';
import type { Transport } from './transport.ts';

const PAYLOAD = Buffer.from('opaque');

let receiver: HttpReceiver;
let transport: Transport | undefined;

beforeEach(async () => {
  receiver = await HttpReceiver.start();
});
afterEach(async () => {
  transport?.close();
  transport = undefined;
  await receiver[Symbol.asyncDispose]();
});

function open(options: Partial<HttpTransportOptions> = {}): Transport {
  transport = httpTransport({ endpoint: `http://127.0.0.1:${receiver.port}`, ...options });
  return transport;
}

function send(options: Partial<HttpTransportOptions> = {}): Promise<Outcome> {
  return open(options).send('traces', PAYLOAD, new AbortController().signal);
}

describe('a request', () => {
  it.each(['traces', 'metrics', 'logs'] as const)('of %s goes to its path, byte for byte', async kind => {
    await open().send(kind, PAYLOAD, new AbortController().signal);
    expect(receiver.requests).toMatchObject([
      { path: `/v1/${kind}`, body: PAYLOAD, headers: { 'content-type': 'application/x-protobuf' } },
    ]);
  });

  it('goes to a whole URL as it is', async () => {
    await send({ endpoint: { traces: `http://127.0.0.1:${receiver.port}/my/traces?x=1` } });
    expect(receiver.requests[0]?.path).toBe('/my/traces?x=1');
    expect(await transport?.send('logs', PAYLOAD, new AbortController().signal)).toMatchObject({
      kind: 'failed',
      reason: 'no endpoint',
    });
  });

  it('keeps the path of a base URL', async () => {
    await send({ endpoint: `http://127.0.0.1:${receiver.port}/otlp/` });
    expect(receiver.requests[0]?.path).toBe('/otlp/v1/traces');
  });

  it('is compressed if that is asked for', async () => {
    await send({ compression: 'gzip' });
    const [request] = receiver.requests;
    expect(request?.headers['content-encoding']).toBe('gzip');
    expect(request && gunzipSync(request.body).equals(PAYLOAD)).toBe(true);
  });

  it('carries the headers that are configured, and fresh ones from the credentials, on one connection', async () => {
    let calls = 0;
    const credentials = { headers: async () => ({ authorization: `Bearer ${++calls}` }) };
    const opened = open({ headers: { 'x-tenant': 'a' }, credentials });
    for (let i = 0; i < 2; i++) await opened.send('traces', PAYLOAD, new AbortController().signal);
    expect(receiver.requests.map(({ headers }) => [headers.authorization, headers['x-tenant']])).toEqual([
      ['Bearer 1', 'a'],
      ['Bearer 2', 'a'],
    ]);
    expect(receiver.connections).toBe(1);
  });

  it('reads partial success, and takes any 2xx as taken', async () => {
    receiver.answer = () => ({ status: 200, body: partialSuccess(3, 'too old') });
    expect(await send()).toEqual({ kind: 'accepted', rejectedItems: 3, message: 'too old' });
    receiver.answer = () => ({ status: 202, body: 'not protobuf at all' });
    expect(await transport?.send('traces', PAYLOAD, new AbortController().signal)).toEqual({
      kind: 'accepted',
      rejectedItems: 0,
      message: '',
    });
  });
});

describe('each status', () => {
  it.each<[number, Outcome['kind']]>([
    [301, 'failed'],
    [400, 'rejected'],
    [401, 'unauthenticated'],
    [403, 'denied'],
    [404, 'failed'],
    [405, 'failed'],
    [408, 'failed'],
    [413, 'too_large'],
    [415, 'failed'],
    [429, 'retry'],
    [500, 'failed'],
    [501, 'failed'],
    [502, 'retry'],
    [503, 'retry'],
    [504, 'retry'],
  ])('%d: %s', async (status, kind) => {
    receiver.answer = () => ({ status, headers: { location: '/elsewhere' }, body: 'because\nof this' });
    expect(await send()).toMatchObject({ kind, reason: `HTTP ${status}`, message: 'because of this' });
    expect(receiver.requests).toHaveLength(1);
  });
});

describe('the words of a refusal', () => {
  const answer = (headers: Record<string, string>, body: Buffer | string) =>
    outcomeOfHttpAnswer(
      { status: 403, headers, body: Buffer.from(body), peerIsTrusted: true, authorization: undefined },
      0,
    );

  it.each([
    ['protobuf', { 'content-type': 'application/x-protobuf' }, rpcStatus(7, 'piped_disabled: …'), 'piped_disabled: …'],
    ['JSON', { 'content-type': 'application/json' }, '{"code":7,"message":"scope_denied: …"}', 'scope_denied: …'],
    ['broken protobuf', { 'content-type': 'application/x-protobuf' }, Buffer.from([255, 255]), ''],
    ['broken JSON', { 'content-type': 'application/json' }, '{"message', '{"message'],
    ['JSON null', { 'content-type': 'application/json' }, 'null', 'null'],
    ['text', {}, 'x'.repeat(1_000), 'x'.repeat(300)],
    ['text that would forge a line of the log', {}, 'a\r\nerror b\u2028c\u0000', 'a error b c'],
  ])('%s', (_, headers, body, message) => {
    expect(answer(headers, body)).toMatchObject({ message });
  });
});

describe('Retry-After', () => {
  const nowMs = Date.UTC(2030, 0, 1, 12);
  it.each([
    ['5', 5_000],
    ['0', 0],
    ['Tue, 01 Jan 2030 12:00:30 GMT', 30_000],
    ['Tue, 01 Jan 2030 11:00:00 GMT', 0],
    ['soon', undefined],
    ['-1', undefined],
    ['', undefined],
  ])('%j', (value, afterMs) => {
    const body = Buffer.alloc(0);
    for (const status of [429, 503]) {
      const headers = { 'retry-after': value };
      expect(
        outcomeOfHttpAnswer({ status, headers, body, peerIsTrusted: true, authorization: undefined }, nowMs),
      ).toEqual({ kind: 'retry', reason: `HTTP ${status}`, message: '', ...(afterMs !== undefined && { afterMs }) });
    }
  });
});

describe('a refused credential', () => {
  const credentials = { headers: async () => ({ Authorization: 'Bearer mine' }) };

  it('comes back with what was refused, and the date of a server on this machine', async () => {
    receiver.answer = () => ({ status: 401, body: 'expired: the credential has expired' });
    const outcome = await send({ credentials });
    expect(outcome).toMatchObject({ kind: 'unauthenticated', clockIsOff: true, authorization: 'Bearer mine' });
    const dateMs = outcome.kind === 'unauthenticated' ? outcome.trustedDateMs : undefined;
    expect(Math.abs((dateMs ?? 0) - Date.now())).toBeLessThan(5_000);
  });

  it('may say its reason in the challenge alone', async () => {
    const challenge = 'Bearer error="invalid_token", error_description="issued_in_future: iat lies in the future"';
    receiver.answer = () => ({ status: 401, headers: { 'www-authenticate': challenge } });
    expect(await send({ credentials })).toMatchObject({ clockIsOff: true });
  });

  it('the date counts from a server that TLS vouches for, and not over plaintext', () => {
    const headers = { date: 'Tue, 01 Jan 2030 12:00:30 GMT' };
    const answer = { status: 401, headers, body: Buffer.alloc(0), authorization: undefined };
    expect(outcomeOfHttpAnswer({ ...answer, peerIsTrusted: true }, 0)).toMatchObject({
      trustedDateMs: Date.UTC(2030, 0, 1, 12, 0, 30),
    });
    expect(outcomeOfHttpAnswer({ ...answer, peerIsTrusted: false }, 0)).not.toHaveProperty('trustedDateMs');
  });
});

describe('no answer', () => {
  it('nobody listens: retry', async () => {
    const { port } = receiver;
    await receiver[Symbol.asyncDispose]();
    receiver = await HttpReceiver.start();
    expect(await send({ endpoint: `http://127.0.0.1:${port}` })).toEqual({
      kind: 'retry',
      reason: 'no answer',
      message: 'ECONNREFUSED',
    });
  });

  it('the connection ends: retry', async () => {
    receiver.answer = () => 'hang up';
    expect(await send()).toMatchObject({ kind: 'retry', reason: 'no answer', message: 'ECONNRESET' });
  });

  it('a receiver that hangs: retry at the deadline', async () => {
    receiver.answer = () => 'hang';
    expect(await send({ timeoutMs: 50 })).toMatchObject({ kind: 'retry', reason: 'no answer in time' });
  });

  it('an answer without an end is cut', async () => {
    receiver.answer = () => ({ status: 503, body: Buffer.alloc(10 * 1024 * 1024, 'a') });
    expect(await send()).toMatchObject({ kind: 'retry', message: 'a'.repeat(300) });
  });

  it('the sender gives up: the request ends', async () => {
    receiver.answer = () => 'hang';
    const giveUp = new AbortController();
    const sent = open().send('traces', PAYLOAD, giveUp.signal);
    giveUp.abort();
    expect(await sent).toMatchObject({ kind: 'retry' });
  });

  it('a credential that never comes: retry, and nothing is sent', async () => {
    const credentials = { headers: () => new Promise<never>(() => {}) };
    expect(await send({ credentials, timeoutMs: 50 })).toMatchObject({ kind: 'retry', reason: 'no credential' });
    expect(receiver.requests).toEqual([]);
  });
});

describe('TLS', () => {
  it('the server must be vouched for', async () => {
    using folder = scratchFolder();
    const { cert, key } = selfSigned(folder.path);
    await using secure = await HttpReceiver.start({ cert, key });
    secure.answer = () => ({ status: 401 });
    const endpoint = `https://localhost:${secure.port}`;
    expect(await send({ endpoint })).toMatchObject({ kind: 'retry', message: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    transport?.close();
    expect(await send({ endpoint, tls: { ca: cert } })).toMatchObject({
      kind: 'unauthenticated',
      trustedDateMs: expect.any(Number),
    });
  });
});

describe('endpoints', () => {
  it.each(['', 'ftp://x', 'no good'])('%j is none', endpoint => {
    expect(() => open({ endpoint })).toThrow(TypeError);
  });

  it('at least one is needed', () => {
    expect(() => open({ endpoint: {} })).toThrow(TypeError);
  });

  it('a secret does not leave this machine in the clear, unless that is allowed', () => {
    const endpoint = 'http://gateway.example';
    const credentials = { headers: async () => ({}) };
    expect(() => open({ endpoint, credentials })).toThrow('over plaintext');
    expect(() => open({ endpoint, headers: { Authorization: 'x' } })).toThrow('over plaintext');
    expect(open({ endpoint, credentials, allowPlaintext: true }).peer).toBe('http://gateway.example');
    expect(open({ endpoint }).peer).toBe('http://gateway.example');
  });
});

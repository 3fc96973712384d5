import { createServer, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { credentials as grpc, Metadata, ServerCredentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GrpcReceiver } from '../testing/grpc-receiver.ts';
import { partialSuccess, rpcStatus } from '../testing/protobuf.ts';
import { scratchFolder } from '../testing/scratch.ts';
import { selfSigned } from '../testing/tls.ts';
import { outcomeOfGrpcError } from './grpc-outcome.ts';
import { type GrpcTransportOptions, grpcTransport } from './grpc-transport.ts';
import type { Outcome } from './outcome.ts';
import type { Transport } from './transport.ts';

const PAYLOAD = Buffer.from('opaque');

let receiver: GrpcReceiver;
let transport: Transport | undefined;

beforeEach(async () => {
  receiver = await GrpcReceiver.start();
});
afterEach(async () => {
  transport?.close();
  transport = undefined;
  await receiver[Symbol.asyncDispose]();
});

function open(options: Partial<GrpcTransportOptions> = {}): Transport {
  transport = grpcTransport({ endpoint: `http://127.0.0.1:${receiver.port}`, ...options });
  return transport;
}

function send(options: Partial<GrpcTransportOptions> = {}): Promise<Outcome> {
  return open(options).send('traces', PAYLOAD, new AbortController().signal);
}

function trailers(entries: Record<string, string | Buffer>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
  return metadata;
}

describe('a request', () => {
  it.each(['traces', 'metrics', 'logs'] as const)('of %s goes to its own service, byte for byte', async kind => {
    expect(await open().send(kind, PAYLOAD, new AbortController().signal)).toEqual({
      kind: 'accepted',
      rejectedItems: 0,
      message: '',
    });
    expect(receiver.requests).toMatchObject([{ kind, payload: PAYLOAD }]);
  });

  it('carries the headers that are configured, and fresh ones from the credentials', async () => {
    let calls = 0;
    const credentials = { headers: async () => ({ authorization: `Bearer ${++calls}` }) };
    const opened = open({ headers: { 'x-tenant': 'a' }, credentials });
    for (let i = 0; i < 2; i++) await opened.send('traces', PAYLOAD, new AbortController().signal);
    const got = receiver.requests.map(({ metadata }) => [metadata.get('authorization'), metadata.get('x-tenant')]);
    expect(got).toEqual([
      [['Bearer 1'], ['a']],
      [['Bearer 2'], ['a']],
    ]);
  });

  it('is compressed if that is asked for', async () => {
    const seen: IncomingHttpHeaders[] = [];
    const server = createServer().on('stream', (stream, headers) => {
      seen.push(headers);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true });
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const compression of ['gzip', 'none'] as const) {
      await send({ endpoint, compression });
      transport?.close();
    }
    await new Promise(resolve => server.close(resolve));
    expect(seen.map(headers => headers['grpc-encoding'])).toEqual(['gzip', undefined]);
  });

  it('reads partial success', async () => {
    receiver.answer = () => partialSuccess(3, 'too old');
    expect(await send()).toEqual({ kind: 'accepted', rejectedItems: 3, message: 'too old' });
  });
});

describe('each code', () => {
  const expected: Record<string, Outcome['kind']> = {
    CANCELLED: 'retry',
    UNKNOWN: 'failed',
    INVALID_ARGUMENT: 'rejected',
    DEADLINE_EXCEEDED: 'retry',
    NOT_FOUND: 'failed',
    ALREADY_EXISTS: 'failed',
    PERMISSION_DENIED: 'denied',
    RESOURCE_EXHAUSTED: 'failed',
    FAILED_PRECONDITION: 'failed',
    ABORTED: 'retry',
    OUT_OF_RANGE: 'retry',
    UNIMPLEMENTED: 'failed',
    INTERNAL: 'failed',
    UNAVAILABLE: 'retry',
    DATA_LOSS: 'retry',
    UNAUTHENTICATED: 'unauthenticated',
  };

  it.each(Object.entries(expected))('%s: %s', async (name, kind) => {
    receiver.answer = () => ({ code: status[name as keyof typeof status], details: 'because\nof this' });
    expect(await send()).toMatchObject({ kind, reason: `gRPC ${name}`, message: 'because of this' });
  });

  it('is in the list', () => {
    const names = Object.keys(status).filter(name => Number.isNaN(Number(name)) && name !== 'OK');
    expect(names.sort()).toEqual(Object.keys(expected).sort());
  });
});

describe('a wait that the server asks for', () => {
  it.each([
    ['RetryInfo', { 'grpc-status-details-bin': rpcStatus(8, '', { seconds: 2, nanos: 500_000_000 }) }, 2_500],
    ['RetryInfo of nothing', { 'grpc-status-details-bin': rpcStatus(8, '', { seconds: 0, nanos: 0 }) }, 0],
    ['pushback', { 'grpc-retry-pushback-ms': '750' }, 750],
    ['retry-after', { 'retry-after': '3' }, 3_000],
  ])('%s', async (_, entries, afterMs) => {
    for (const code of [status.RESOURCE_EXHAUSTED, status.UNAVAILABLE]) {
      receiver.answer = () => ({ code, details: '', metadata: trailers(entries) });
      expect(await send()).toMatchObject({ kind: 'retry', afterMs });
      transport?.close();
    }
  });

  it.each([
    ['no RetryInfo in the details', { 'grpc-status-details-bin': rpcStatus(8, 'x') }],
    ['details that are no message', { 'grpc-status-details-bin': Buffer.from([255, 255]) }],
    ['a pushback that says never', { 'grpc-retry-pushback-ms': '-1' }],
  ])('%s: RESOURCE_EXHAUSTED is not retryable', async (_, entries) => {
    receiver.answer = () => ({ code: status.RESOURCE_EXHAUSTED, details: '', metadata: trailers(entries) });
    expect(await send()).toMatchObject({ kind: 'failed' });
  });
});

describe('a refused credential', () => {
  const credentials = { headers: async () => ({ authorization: 'Bearer mine' }) };

  it('comes back with what was refused, and the date of a server on this machine', async () => {
    receiver.answer = () => ({ code: status.UNAUTHENTICATED, details: 'expired: the credential has expired' });
    const outcome = await send({ credentials });
    expect(outcome).toMatchObject({ kind: 'unauthenticated', clockIsOff: true, authorization: 'Bearer mine' });
    const dateMs = outcome.kind === 'unauthenticated' ? outcome.trustedDateMs : undefined;
    expect(Math.abs((dateMs ?? 0) - Date.now())).toBeLessThan(5_000);
  });

  it('the date counts from a server that is to be trusted alone', () => {
    const metadata = trailers({ date: 'Tue, 01 Jan 2030 12:00:30 GMT' });
    const error = Object.assign(new Error(), { code: status.UNAUTHENTICATED, details: '', metadata });
    const facts = { headers: undefined, authorization: undefined };
    expect(outcomeOfGrpcError(error, { ...facts, peerIsTrusted: true })).toMatchObject({
      trustedDateMs: Date.UTC(2030, 0, 1, 12, 0, 30),
    });
    expect(outcomeOfGrpcError(error, { ...facts, peerIsTrusted: false })).not.toHaveProperty('trustedDateMs');
  });

  it.each([
    ['issued_in_future: iat lies in the future', true],
    ['signature_invalid: the signature does not verify', false],
    ['it has expired', false],
    ['key_expired: the key has expired', false],
  ])('%j is about time: %s', async (details, clockIsOff) => {
    receiver.answer = () => ({ code: status.UNAUTHENTICATED, details });
    expect(await send()).toMatchObject({ kind: 'unauthenticated', clockIsOff });
  });
});

describe('no answer', () => {
  it('nobody listens: retry', async () => {
    const { port } = receiver;
    await receiver[Symbol.asyncDispose]();
    expect(await send({ endpoint: `http://127.0.0.1:${port}` })).toMatchObject({
      kind: 'retry',
      reason: 'gRPC UNAVAILABLE',
    });
  });

  it('a receiver that hangs: retry at the deadline, and a new connection after two', async () => {
    receiver.answer = () => 'hang';
    const opened = open({ timeoutMs: 50 });
    const peers: string[] = [];
    for (let i = 0; i < 3; i++) {
      const outcome = await opened.send('traces', PAYLOAD, new AbortController().signal);
      expect(outcome).toMatchObject({ kind: 'retry', reason: 'gRPC DEADLINE_EXCEEDED' });
      peers.push(receiver.requests.at(-1)?.peer ?? '');
    }
    expect([peers[1] === peers[0], peers[2] === peers[0]]).toEqual([true, false]);
    receiver.answer = () => Buffer.alloc(0);
    expect((await opened.send('traces', PAYLOAD, new AbortController().signal)).kind).toBe('accepted');
  });

  it('the sender gives up: the call ends', async () => {
    receiver.answer = () => 'hang';
    const giveUp = new AbortController();
    const sent = open().send('traces', PAYLOAD, giveUp.signal);
    giveUp.abort();
    expect(await sent).toMatchObject({ kind: 'retry', reason: 'gRPC CANCELLED' });
  });

  it.each([
    ['never comes', () => new Promise<never>(() => {}), 'took too long'],
    [
      'fails',
      () => Promise.reject(Object.assign(new Error('Bearer secret'), { code: 'key_file_missing' })),
      'key_file_missing',
    ],
    ['fails without a code', () => Promise.reject(new Error('Bearer secret')), 'its source failed'],
    ['is no header', () => Promise.resolve({ 'a b': 'c' }), 'its headers are not well-formed'],
  ])('a credential that %s: retry, and nothing is sent', async (_, headers, message) => {
    expect(await send({ credentials: { headers }, timeoutMs: 50 })).toEqual({
      kind: 'retry',
      reason: 'no credential',
      message,
    });
    expect(receiver.requests).toEqual([]);
  });

  it('call credentials that fail say so by their code', async () => {
    using folder = scratchFolder();
    const { cert, key } = selfSigned(folder.path);
    await using secure = await GrpcReceiver.start(
      ServerCredentials.createSsl(null, [{ cert_chain: cert, private_key: key }]),
    );
    const failing = grpc.createFromMetadataGenerator((_, done) => done(Object.assign(new Error('no'), { code: 14 })));
    const channelCredentials = grpc.combineChannelCredentials(grpc.createSsl(cert), failing);
    const endpoint = `https://localhost:${secure.port}`;
    expect(await send({ endpoint, channelCredentials })).toMatchObject({ kind: 'retry', reason: 'gRPC UNAVAILABLE' });
  });
});

describe('TLS', () => {
  it('is on for https, and the server must be vouched for', async () => {
    using folder = scratchFolder();
    const { cert, key } = selfSigned(folder.path);
    await using secure = await GrpcReceiver.start(
      ServerCredentials.createSsl(null, [{ cert_chain: cert, private_key: key }]),
    );
    const endpoint = `https://localhost:${secure.port}`;
    expect(await send({ endpoint })).toMatchObject({ kind: 'retry' });
    expect(secure.requests).toEqual([]);
    transport?.close();
    expect(await send({ endpoint, channelCredentials: grpc.createSsl(cert) })).toMatchObject({ kind: 'accepted' });
  });
});

describe('endpoints', () => {
  it('a unix socket', async () => {
    using folder = scratchFolder();
    const endpoint = `unix://${folder.path}/otlp.sock`;
    await using local = await GrpcReceiver.start(ServerCredentials.createInsecure(), endpoint);
    expect(await send({ endpoint, credentials: { headers: async () => ({ authorization: 'x' }) } })).toMatchObject({
      kind: 'accepted',
    });
    expect(local.requests).toHaveLength(1);
  });

  it.each(['', 'ftp://x', 'http://', 'no good'])('%j is none', endpoint => {
    expect(() => open({ endpoint })).toThrow(TypeError);
  });

  it('a secret does not leave this machine in the clear, unless that is allowed', () => {
    const endpoint = 'http://gateway.example:4317';
    const credentials = { headers: async () => ({}) };
    expect(() => open({ endpoint, credentials })).toThrow('over plaintext');
    expect(() => open({ endpoint, headers: { Authorization: 'x' } })).toThrow('over plaintext');
    expect(open({ endpoint, credentials, allowPlaintext: true }).peer).toBe('dns:gateway.example:4317');
    expect(open({ endpoint }).peer).toBe('dns:gateway.example:4317');
    expect(open({ endpoint: 'gateway.example:4317', credentials }).peer).toBe('dns:gateway.example:4317');
  });

  it('https with credentials for plaintext is a mistake', () => {
    expect(() => open({ endpoint: 'https://x:1', channelCredentials: grpc.createInsecure() })).toThrow('not for TLS');
  });

  it('authorization from two sides is a mistake that is said at once', () => {
    const headers = { authorization: 'x' };
    expect(() => open({ headers, credentials: { headers: async () => ({}) } })).toThrow('given twice');
    expect(() => open({ headers, channelCredentials: grpc.createInsecure() })).toThrow('given twice');
  });
});

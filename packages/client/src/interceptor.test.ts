import { type CallOptions, Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type ClientOptions, createClient } from './client.ts';
import type { CredentialSource, Transport } from './contract.ts';
import { createCertificate } from './testing/certificates.ts';
import { startConnectProxy } from './testing/connect-proxy.ts';
import { createClock, createPiped, verifyAuthorization } from './testing/fixture.ts';
import { startOtlpServer } from './testing/otlp-grpc-server.ts';
import { unaryCall } from './testing/unary-call.ts';

interface Setup {
  readonly target: string;
  readonly options?: ClientOptions;
  readonly transport?: Transport;
  readonly channel?: ReturnType<typeof credentials.createInsecure>;
  readonly authority?: string;
}

async function createCaller({ target, options, transport, channel, authority }: Setup) {
  const pass = createClient(options ?? { keyFile: (await createPiped()).keyFile });
  const client = new Client(target, channel ?? credentials.createInsecure(), {
    interceptors: [pass.interceptor(transport)],
    ...(authority && { 'grpc.default_authority': authority }),
  });
  onTestFinished(() => client.close());
  return (callOptions?: CallOptions, metadata?: Metadata): Promise<ServiceError | undefined> =>
    unaryCall(client, callOptions, metadata);
}

beforeEach(() => {
  for (const name of ['grpc_proxy', 'https_proxy', 'http_proxy', 'no_grpc_proxy', 'no_proxy']) vi.stubEnv(name, '');
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('the interceptor', () => {
  it('attaches a fresh credential to each call of any grpc-js client', async () => {
    const { keyFile, record } = await createPiped();
    const clock = createClock();
    const server = await startOtlpServer();
    const call = await createCaller({ target: `127.0.0.1:${server.port}`, options: { keyFile, now: clock.now } });
    for (const aged of [0, 361_000]) {
      clock.ms += aged;
      expect(await call()).toBeUndefined();
      expect(server.received.at(-1)?.authorization).toHaveLength(1);
      await verifyAuthorization(server.received.at(-1)?.authorization[0], record, clock.now);
    }
  });

  it('takes a new credential after UNAUTHENTICATED, and only then', async () => {
    const server = await startOtlpServer();
    const call = await createCaller({ target: `localhost:${server.port}` });
    for (const answer of [status.UNAVAILABLE, status.PERMISSION_DENIED, status.UNAUTHENTICATED, status.OK]) {
      server.answer = answer;
      expect((await call())?.code ?? status.OK).toBe(answer);
    }
    const [first, second, third, fourth] = server.received.map(({ authorization }) => authorization[0]);
    expect([second, third]).toEqual([first, first]);
    expect(fourth).not.toBe(first);
  });

  it('keeps the call credentials of a call', async () => {
    const server = await startOtlpServer();
    const call = await createCaller({ target: `127.0.0.1:${server.port}` });
    let asked = 0;
    const own = credentials.createFromMetadataGenerator((_, callback) => {
      asked++;
      callback(null, new Metadata());
    });
    expect(await call({ credentials: own })).toBeUndefined();
    expect(asked).toBe(1);
    expect(server.received[0]?.authorization).toHaveLength(1);
  });

  it('refuses a call that brings an authorization of its own, and sends nothing', async () => {
    const server = await startOtlpServer();
    const call = await createCaller({ target: `127.0.0.1:${server.port}` });
    await call();
    const metadata = new Metadata();
    metadata.set('Authorization', 'Bearer of-the-application');
    const error = await call({ deadline: Date.now() + 60_000 }, metadata);
    expect(error).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: 'this request sets authorization itself, and so does spanpass: drop one of them (authorization_twice)',
    });
    await call();
    expect(server.received).toHaveLength(2);
  });

  it.each([
    ['its deadline', status.DEADLINE_EXCEEDED],
    ['its cancellation', status.CANCELLED],
  ])('lets a call end at %s while it waits for a credential', async (how, expected) => {
    const server = await startOtlpServer();
    let whenAsked = () => {};
    const source: CredentialSource = {
      credential() {
        whenAsked();
        return new Promise(() => {});
      },
      invalidate() {},
      state: () => ({ kind: 'loading' }),
      [Symbol.asyncDispose]: async () => {},
    };
    const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure(), {
      interceptors: [createClient({ source, timeoutMs: 1_000 }).interceptor()],
    });
    onTestFinished(() => client.close());
    const error = await new Promise<ServiceError | null>(resolve => {
      const identity = (value: Buffer) => value;
      const options = how === 'its deadline' ? { deadline: Date.now() + 100 } : {};
      const call = client.makeUnaryRequest('/a/b', identity, identity, Buffer.alloc(0), options, resolve);
      if (how === 'its cancellation') whenAsked = () => call.cancel();
    });
    expect(error?.code).toBe(expected);
  });
});

describe('where the interceptor attaches', () => {
  const refused = (where: RegExp) => ({
    code: status.UNAUTHENTICATED,
    details: expect.stringMatching(new RegExp(`${where.source}.*interceptor\\(\\{ kind: 'tls' \\}\\)`)),
  });

  it('over TLS when told so, and else not', async () => {
    const certificate = await createCertificate('DNS:collector.example.com');
    const server = await startOtlpServer({ certificate });
    const proxy = await startConnectProxy(server.port);
    vi.stubEnv('grpc_proxy', `http://127.0.0.1:${proxy.port}`);
    const channel = credentials.createSsl(certificate.cert);
    const target = 'collector.example.com:4317';
    const untold = await createCaller({ target, channel });
    expect(await untold()).toMatchObject(refused(/collector\.example\.com/));
    const told = await createCaller({ target, channel, transport: { kind: 'tls' } });
    expect(await told()).toBeUndefined();
    expect(server.received).toHaveLength(1);
  });

  it('not to a far server behind a proxy of this machine, unless plaintext is allowed', async () => {
    const server = await startOtlpServer();
    const proxy = await startConnectProxy(server.port);
    vi.stubEnv('grpc_proxy', `http://127.0.0.1:${proxy.port}`);
    const target = 'collector.example.com:4317';
    const call = await createCaller({ target });
    expect(await call()).toMatchObject(refused(/collector\.example\.com/));
    expect(server.received).toEqual([]);
    const { keyFile } = await createPiped();
    for (const allowed of [
      await createCaller({ target, transport: { kind: 'plaintext', allowPlaintext: true } }),
      await createCaller({ target, options: { keyFile, allowPlaintext: true } }),
    ]) {
      expect(await allowed()).toBeUndefined();
    }
    expect(server.received).toHaveLength(2);
  });

  it('not to a server of this machine that goes by the name of a far one', async () => {
    const server = await startOtlpServer();
    const call = await createCaller({ target: `127.0.0.1:${server.port}`, authority: 'collector.example.com' });
    expect(await call()).toMatchObject(refused(/collector\.example\.com/));
    expect(server.received).toEqual([]);
  });

  it('not to a far server that goes by the name of this machine', async () => {
    const server = await startOtlpServer();
    // It leads to this machine, but by a name of which that is not sure.
    const call = await createCaller({ target: `127.1:${server.port}`, authority: 'localhost' });
    expect(await call()).toMatchObject(refused(/localhost at dns:127\.1/));
    expect(server.received).toEqual([]);
  });
});

import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Server } from '../contract.ts';
import { encodeCheckRequest } from '../ext-authz/check-request.test.support.ts';
import { CheckResponse } from '../generated/ext_authz.ts';
import { AuthenticationError } from '../refusals.ts';
import { SOMEBODY } from '../testing/doubles.ts';
import { MAX_MESSAGE_BYTES } from './grpc-listener.ts';
import { startHttp2Listener } from './http2-listener.ts';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const CHECK = '/envoy.service.auth.v3.Authorization/Check';

const onlyGood: Server = {
  authenticate: ({ headers }) => {
    if (headers.authorization === 'Bearer good') return SOMEBODY;
    throw new AuthenticationError('key_unknown');
  },
};

async function listen(server: Server = onlyGood) {
  const listener = await startHttp2Listener({ host: '127.0.0.1', port: 0, tls: undefined, server, observer: {} });
  open.push(() => listener.drain(0));
  const session = connect(`http://${listener.address}`);
  session.on('error', () => {});
  open.push(() => session.destroy());
  return { listener, session };
}

/** However it ended. */
function closed(ending: { once(event: 'close', listener: () => void): unknown }): Promise<void> {
  return new Promise(resolve => ending.once('close', resolve));
}

function frame(message: Uint8Array, { length = message.length, compressed = 0 } = {}): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

/** The parts go out one by one. */
async function call(session: ClientHttp2Session, path: string, parts: readonly Buffer[], headers = {}) {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  const seen: { http: number | undefined; status: unknown } = { http: undefined, status: undefined };
  stream.on('response', response => {
    seen.http = response[':status'];
    seen.status = response['grpc-status'];
  });
  stream.on('trailers', trailers => {
    seen.status = trailers['grpc-status'];
  });
  stream.on('error', () => {});
  for (const part of parts) stream.write(part);
  stream.end();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await closed(stream);
  return { ...seen, message: Buffer.concat(chunks).subarray(5) };
}

const asking = (authorization: string) => encodeCheckRequest({ headers: { authorization } });

describe('a check', () => {
  it('is answered with a message and the status OK, allowed or not', async () => {
    const { session } = await listen();
    const good = await call(session, CHECK, [frame(asking('Bearer good'))]);
    expect([good.http, good.status]).toEqual([200, '0']);
    expect(CheckResponse.decode(good.message).okResponse?.headersToRemove).toEqual(['authorization']);
    const bad = await call(session, CHECK, [frame(asking('Bearer bad'))]);
    expect([bad.http, bad.status, CheckResponse.decode(bad.message).status?.code]).toEqual([200, '0', 16]);
  });

  it('may arrive in any pieces', async () => {
    const { session } = await listen();
    const bytes = frame(asking('Bearer good'));
    const pieces = Array.from({ length: Math.ceil(bytes.length / 3) }, (_, at) => bytes.subarray(at * 3, at * 3 + 3));
    const { status, message } = await call(session, CHECK, pieces);
    expect([status, CheckResponse.decode(message).status?.code]).toEqual(['0', 0]);
  });

  it('is answered when the server took its time, unless nobody waits any more', async () => {
    const { session } = await listen({ authenticate: async () => SOMEBODY });
    expect((await call(session, CHECK, [frame(asking('x'))])).status).toBe('0');
    const stream = session.request({ ':method': 'POST', ':path': CHECK, 'content-type': 'application/grpc' });
    stream.on('error', () => {});
    stream.end(frame(asking('x')));
    stream.close(constants.NGHTTP2_CANCEL);
    await closed(stream);
    expect((await call(session, CHECK, [frame(asking('x'))])).status).toBe('0');
  });

  it.each([
    ['no message', [], '3'],
    ['half a message', [frame(Buffer.alloc(10), { length: 11 })], '3'],
    ['two messages', [frame(asking('Bearer good')), frame(asking('Bearer good'))], '3'],
    ['a compressed one', [frame(asking('Bearer good'), { compressed: 1 })], '12'],
    ['one that is too large', [frame(Buffer.alloc(MAX_MESSAGE_BYTES + 1))], '8'],
  ])('with %s is ended without an answer', async (_, parts, status) => {
    const { session } = await listen();
    const ended = await call(session, CHECK, parts);
    expect([ended.status, ended.message]).toEqual([status, Buffer.alloc(0)]);
  });

  it('with bytes that are no CheckRequest is refused', async () => {
    const { session } = await listen();
    const { status, message } = await call(session, CHECK, [frame(Buffer.from([0xff, 0xff]))]);
    expect([status, CheckResponse.decode(message).status?.code]).toEqual(['0', 16]);
  });
});

describe('anything else', () => {
  it.each([
    ['a method that there is not', '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', {}, [200, '12']],
    ['what is no gRPC', CHECK, { 'content-type': 'application/json' }, [415, undefined]],
    ['a GET', CHECK, { ':method': 'GET' }, [415, undefined]],
  ])('is not answered: %s', async (_, path, headers, expected) => {
    const { session } = await listen();
    const { http, status, message } = await call(session, path, [], headers);
    expect([[http, status], message]).toEqual([expected, Buffer.alloc(0)]);
  });
});

describe('health', () => {
  const CHECK_HEALTH = '/grpc.health.v1.Health/Check';
  const name = (service: string) => frame(Buffer.concat([Buffer.from([0x0a, service.length]), Buffer.from(service)]));

  it('says whether it serves, for the whole server and for its service', async () => {
    const { listener, session } = await listen();
    for (const [serving, code] of [[true, 1] as const, [false, 2] as const]) {
      listener.setServing(serving);
      for (const service of ['', 'envoy.service.auth.v3.Authorization']) {
        const { status, message } = await call(session, CHECK_HEALTH, [name(service)]);
        expect([status, [...message]]).toEqual(['0', [0x08, code]]);
      }
    }
    expect((await call(session, CHECK_HEALTH, [name('other')])).status).toBe('5');
    expect((await call(session, CHECK_HEALTH, [frame(Buffer.from([0x0a, 9]))])).status).toBe('3');
  });

  it('tells who watches of each change, and of the end', async () => {
    const { listener, session } = await listen();
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Watch',
      'content-type': 'application/grpc',
    });
    stream.end(name(''));
    const codes: (number | undefined)[] = [];
    stream.on('data', (chunk: Buffer) => codes.push(chunk[6]));
    const trailers = once(stream, 'trailers');
    await vi.waitFor(() => expect(codes).toEqual([2]));
    listener.setServing(true);
    await vi.waitFor(() => expect(codes).toEqual([2, 1]));
    await listener.drain(5000);
    expect((await trailers)[0]).toMatchObject({ 'grpc-status': '14' });
  });
});

describe('when it stops', () => {
  it('answers what is under way, then ends the connection', async () => {
    let waiting = 0;
    let settle: () => void = () => {};
    const gate = new Promise<void>(resolve => {
      settle = resolve;
    });
    const { listener, session } = await listen({
      authenticate: async () => {
        waiting++;
        await gate;
        return SOMEBODY;
      },
    });
    const first = call(session, CHECK, [frame(asking('x'))]);
    await vi.waitFor(() => expect(waiting).toBe(1));
    const gone = closed(session);
    const drained = listener.drain(5000);
    settle();
    expect((await first).status).toBe('0');
    await Promise.all([drained, gone]);
  });

  it('does not wait for what never comes to its end', async () => {
    let waiting = 0;
    const { listener, session } = await listen({
      authenticate: () => {
        waiting++;
        return new Promise(() => {});
      },
    });
    const stuck = call(session, CHECK, [frame(asking('x'))]);
    await vi.waitFor(() => expect(waiting).toBe(1));
    await listener.drain(50);
    expect((await stuck).status).toBeUndefined();
  });
});

describe('who misuses the protocol', () => {
  it('is cut off after a flood of calls that are taken back at once (CVE-2023-44487)', async () => {
    const { session } = await listen();
    const gone = closed(session);
    for (let sent = 0; sent < 20_000 && !session.destroyed; sent++) {
      const stream = session.request({ ':method': 'POST', ':path': CHECK, 'content-type': 'application/grpc' });
      stream.on('error', () => {});
      stream.close(constants.NGHTTP2_CANCEL);
      if (sent % 100 === 99) await new Promise(resolve => setImmediate(resolve));
    }
    await gone;
  });

  it('may not bring more headers than a call has', async () => {
    const { session } = await listen();
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`x-${at}`, 'y']));
    const { http, message } = await call(session, CHECK, [frame(asking('Bearer good'))], many);
    expect([http, message.length]).toEqual([undefined, 0]);
  });

  it('loses its connection, and takes nobody with it', async () => {
    const { listener, session } = await listen();
    const { port } = new URL(`http://${listener.address}`);
    const socket = new Socket();
    open.push(() => socket.destroy());
    socket.connect(Number(port), '127.0.0.1').on('error', () => {});
    socket.write('GET / HTTP/1.1\r\n\r\n');
    socket.resume();
    await closed(socket);
    expect((await call(session, CHECK, [frame(asking('Bearer good'))])).status).toBe('0');
  });
});

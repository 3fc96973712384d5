import { once } from 'node:events';
import { connect } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { encodeCheckRequest } from '../ext-authz/check-request.test.support.ts';
import { connectRaw } from '../ext-authz/raw-client.test.support.ts';
import { CheckResponse } from '../generated/ext_authz.ts';
import { AuthenticationError } from '../refusals.ts';
import { type ConnectionBounds, startGrpcListener } from './grpc-listener.ts';
import { startHttp2Listener } from './http2-listener.ts';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const PATH = '/envoy.service.auth.v3.Authorization/Check';
const HEADERS = { ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', te: 'trailers' };

type Start = typeof startGrpcListener;

async function listen(start: Start, bounds: ConnectionBounds) {
  const server = {
    authenticate: () => {
      throw new AuthenticationError('key_unknown');
    },
  };
  const listener = await start({
    host: '127.0.0.1',
    port: 0,
    tls: undefined,
    server,
    observer: {},
    bounds,
  });
  open.push(() => listener.drain(0));
  return listener;
}

describe.each([
  ['grpc-js', startGrpcListener],
  ['node:http2', startHttp2Listener],
] as const)('connections of %s', (_, start) => {
  it('end with their age, and with them a call whose message never comes', async () => {
    const { address } = await listen(start, { maxAgeMs: 50, ageGraceMs: 50 });
    const session = connect(`http://${address}`);
    open.push(() => session.destroy());
    const stream = session.request(HEADERS, { endStream: false });
    stream.on('error', () => {});
    await once(session, 'close');
    expect(stream.closed).toBe(true);
  });

  // A call that crosses the goodbye is refused unseen, and grpc-js gives up when that happens to it twice.
  it('that grow old lose no check of a client that asks once more, as Envoy is told to', async () => {
    const { address } = await listen(start, { maxAgeMs: 150, ageGraceMs: 2000 });
    const client = connectRaw(address);
    open.push(() => client[Symbol.asyncDispose]());
    const request = encodeCheckRequest({ headers: { authorization: 'Bearer x' } });
    const until = performance.now() + 1000;
    const codes = new Map<unknown, number>();
    const ask = async () => {
      while (performance.now() < until) {
        const first = await client.check(request);
        const answer = first === status.UNAVAILABLE ? await client.check(request) : first;
        const code = typeof answer === 'number' ? `status ${answer}` : CheckResponse.decode(answer).status?.code;
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: 8 }, ask));
    expect([...codes.keys()]).toEqual([16]);
    expect(codes.get(16)).toBeGreaterThan(20);
  });

  it('carry a bounded number of calls at a time', async () => {
    const { address } = await listen(start, { maxStreams: 3 });
    const session = connect(`http://${address}`);
    open.push(() => session.destroy());
    await vi.waitFor(() => expect(session.remoteSettings.maxConcurrentStreams).toBe(3));
  });
});

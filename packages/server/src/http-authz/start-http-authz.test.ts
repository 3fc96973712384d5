import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { withForwardedCertificates } from '../authenticators/mtls/forwarded-certificate.ts';
import type { CheckedRequest, Principal } from '../contract.ts';
import { createServer as createAuthServer } from '../create-server.ts';
import { deferred } from '../fixture.test.support.ts';
import type { Decision } from '../observer.ts';
import { AuthenticationError } from '../refusals.ts';
import { allowingAuthenticator, SOMEBODY } from '../testing/doubles.ts';
import { type AskedPort, headerOf, openCheckPort, read, statusOf } from './ask.test.support.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
});
async function port(...options: Parameters<typeof openCheckPort>): Promise<AskedPort> {
  const opened = await openCheckPort(...options);
  open.push(opened);
  return opened;
}

describe('an allow', () => {
  it('is the one 2xx, whatever the path and method', async () => {
    const { ask } = await port({}, () => {
      throw new AuthenticationError('credential_missing');
    });
    const paths = [
      '/',
      '/envoy',
      '/envoy/',
      '/nginx',
      '/nginx/',
      '/traefik',
      '/traefik?x',
      '/healthz',
      '/readyz',
      '/metrics',
    ];
    for (const path of [...paths, '/ENVOY/v1/traces', '//envoy/v1/traces', 'http://a/envoy/v1/traces', '*']) {
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'PROPFIND']) {
        for (const more of [[], ['upgrade: websocket', 'connection: upgrade'], ['expect: 100-continue']]) {
          expect(statusOf(await ask(`${method} ${path}`, ...more))).toBeGreaterThanOrEqual(400);
        }
      }
    }
    expect(await ask('CONNECT /envoy/v1/traces')).toBe('');
  });

  it('is none where the name found fits into no header', async () => {
    const { ask } = await port({}, () => ({ ...SOMEBODY, project: 'a\r\nb' }));
    const answer = await ask('POST /envoy/v1/traces');
    expect([statusOf(answer), headerOf(answer, 'x-spanpass-reason')]).toEqual([503, 'internal_error']);
  });

  it('leaves out an id that fits into no header', async () => {
    const { ask } = await port({}, () => ({ ...SOMEBODY, credentialId: 'a\nb' }));
    const answer = await ask('POST /envoy/v1/traces');
    expect([statusOf(answer), headerOf(answer, 'x-spanpass-kid')]).toEqual([200, undefined]);
  });

  it('is told to the observer, and so is a refusal', async () => {
    const decisions: Decision[] = [];
    const answers = [() => SOMEBODY, () => Promise.reject(new Error('bug'))];
    const { ask } = await port({ observer: { decided: decision => decisions.push(decision) } }, () =>
      (answers.shift() as () => Principal)(),
    );
    await ask('POST /envoy/v1/traces');
    expect(statusOf(await ask('POST /envoy/v1/traces'))).toBe(503);
    await ask('GET /nginx');
    expect(decisions).toMatchObject([
      { protocol: 'ext_authz_http', authenticator: 'always-allow' },
      { protocol: 'ext_authz_http', refused: { code: 'internal_error' } },
      { protocol: 'ext_authz_http', refused: { code: 'request_malformed' } },
    ]);
  });
});

describe('two credentials', () => {
  const server = createAuthServer({ authenticators: [allowingAuthenticator()] });
  const check = async (...lines: string[]) => {
    const { ask } = await port({ server });
    return headerOf(await ask('POST /envoy/v1/traces', ...lines), 'x-spanpass-reason');
  };

  it('are seen, where node:http hides the second', async () => {
    expect(await check('authorization: Bearer a')).toBeUndefined();
    expect(await check('authorization: Bearer a', 'Authorization: Bearer b')).toBe('credential_multiple');
  });

  it('are seen behind 2000 other headers, where node:http drops them', async () => {
    const many = Array.from({ length: 2500 }, (_, index) => `x${index}: 1`);
    expect(await check('authorization: Bearer a', ...many, 'authorization: Bearer b')).toBe('credential_multiple');
  });
});

describe('bounds', () => {
  it.each([
    ['70 KiB of headers', 70_000, 401],
    ['200 KiB of headers', 200_000, 401],
    ['60 KiB of headers', 60_000, 200],
  ])('%s', async (_, length, status) => {
    const { ask } = await port();
    const answer = await ask('POST /envoy/v1/traces', `x-large: ${'a'.repeat(length)}`);
    expect(statusOf(answer)).toBe(status);
    expect(headerOf(answer, 'x-spanpass-reason')).toBe(status === 200 ? undefined : 'request_too_large');
  });

  it('what is no HTTP is refused in HTTP', async () => {
    const { connect } = await port();
    const socket = connect();
    socket.write('\x16\x03\x01\x02\x00');
    const answer = await read(socket);
    expect([statusOf(answer), headerOf(answer, 'x-spanpass-reason')]).toEqual([401, 'request_malformed']);
  });

  it.each(['content-length: 1000000000', 'transfer-encoding: chunked'])('a body (%s) is not read', async length => {
    const { connect } = await port();
    const socket = connect();
    socket.write(`POST /envoy/v1/traces HTTP/1.1\r\nhost: a\r\n${length}\r\n\r\n`);
    const answer = await read(socket);
    expect([statusOf(answer), headerOf(answer, 'connection')]).toEqual([200, 'close']);
  });

  it('a connection is kept for the next check', async () => {
    const { connect, seen } = await port();
    const socket = connect().setEncoding('latin1');
    for (let sent = 1; sent <= 3; sent++) {
      socket.write('POST /envoy/v1/traces HTTP/1.1\r\nhost: a\r\n\r\n');
      const [answer] = await once(socket, 'data');
      // HTTP/1.1 keeps it where nobody says otherwise.
      expect([statusOf(answer), headerOf(answer, 'connection'), seen.length]).toEqual([200, undefined, sent]);
    }
    socket.destroy();
  });

  it('a request that does not come to its end is given up', { timeout: 15_000 }, async () => {
    const { connect, seen } = await port();
    const socket = connect();
    socket.write('POST /envoy/v1/traces HTTP/1.1\r\nhost: a\r\nx-slow: ');
    const answer = await read(socket);
    expect([statusOf(answer), headerOf(answer, 'retry-after'), seen]).toEqual([503, '1', []]);
  });

  it('more connections than are wanted are closed', async () => {
    const { connect } = await port({ maxConnections: 1 });
    const first = connect();
    await once(first, 'connect');
    expect(await read(connect())).toBe('');
    first.destroy();
  });

  it('says that its port is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port: number } = taken.address() as { port: number };
    await expect(openCheckPort({ port: number })).rejects.toMatchObject({ code: 'address_in_use' });
    taken.close();
  });
});

describe('what a proxy says of its client', () => {
  const lines = ['x-real-ip: 192.0.2.9', 'x-forwarded-client-cert: URI=spiffe://example.org/one'];
  const peerOf = async (trustedHops: string[] | undefined, ...more: string[]) => {
    const seen: CheckedRequest[] = [];
    const inner = {
      authenticate: (request: CheckedRequest) => {
        seen.push(request);
        return SOMEBODY;
      },
    };
    const forwardedCertificates = trustedHops && { trustedHops };
    const server = forwardedCertificates ? withForwardedCertificates(inner, forwardedCertificates) : inner;
    const { ask } = await port({ server });
    const answer = await ask('POST /envoy/v1/traces', ...more);
    return seen[0]?.peer ?? headerOf(answer, 'x-spanpass-reason');
  };

  it('counts where that proxy is trusted', async () => {
    expect(await peerOf(['127.0.0.0/8'], ...lines)).toEqual({
      address: '192.0.2.9',
      certificate: { principal: 'spiffe://example.org/one' },
    });
    expect(await peerOf(['127.0.0.1'])).toEqual({ address: '127.0.0.1' });
  });

  it.each([[undefined], [['10.0.0.0/8']]])('counts for nothing where %j are trusted', async trusted => {
    expect(await peerOf(trusted, ...lines)).toEqual({ address: '127.0.0.1', unverifiedClientAddress: '192.0.2.9' });
  });

  it('can not make its client a trusted proxy', async () => {
    expect(await peerOf(['10.0.0.1'], 'x-real-ip: 10.0.0.1', lines[1] as string)).toMatchObject({
      address: '127.0.0.1',
    });
    expect(await peerOf(['10.0.0.1'], 'x-real-ip: 10.0.0.1', lines[1] as string)).not.toHaveProperty('certificate');
  });

  it('is refused where it shows two certificates', async () => {
    const two = 'x-forwarded-client-cert: URI=spiffe://example.org/two';
    expect(await peerOf(['127.0.0.1'], ...lines, two)).toBe('certificate_malformed');
  });

  it.each([['x-real-ip: nowhere'], ['x-real-ip: 192.0.2.8', 'x-real-ip: 192.0.2.9']])(
    'is no address where it is not one (%j)',
    async (...named) => {
      expect(await peerOf(['127.0.0.1'], ...named)).toEqual({ address: '127.0.0.1' });
    },
  );
});

describe('the end', () => {
  it('answers checks under way, then closes', async () => {
    const gate = deferred<Principal>();
    const { ask, port: asked, seen, connect } = await port({}, () => gate.promise);
    const idle = connect();
    await once(idle, 'connect');
    const waiting = ask('POST /envoy/v1/traces');
    await vi.waitFor(() => expect(seen).toHaveLength(1));
    const drained = asked.drain(10_000);
    gate.resolve(SOMEBODY);
    const answer = await waiting;
    expect([statusOf(answer), headerOf(answer, 'connection')]).toEqual([200, 'close']);
    await drained;
    await expect(ask('POST /envoy/v1/traces')).rejects.toThrow('ECONNREFUSED');
  });

  it('does not wait for ever', async () => {
    const { ask, port: asked, seen } = await port({}, () => new Promise(() => {}));
    const waiting = ask('POST /envoy/v1/traces').catch(() => '');
    await vi.waitFor(() => expect(seen).toHaveLength(1));
    await asked.drain(10);
    expect(await waiting).toBe('');
  });

  it('is foretold to health checks, as is that nothing can be decided', async () => {
    let ready = true;
    const { ask } = await port({ isReady: () => ready });
    expect(statusOf(await ask('GET /'))).toBe(404);
    ready = false;
    expect(statusOf(await ask('GET /'))).toBe(503);
  });
});

import { type AddressInfo, createServer } from 'node:net';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AuthServer, AuthServerOptions } from './auth-server/options.ts';
import { startWithPiped } from './auth-server/with-piped.test.support.ts';
import type { Authenticator } from './contract.ts';
import { encodeCheckRequest } from './ext-authz/check-request.test.support.ts';
import { connectRaw } from './ext-authz/raw-client.test.support.ts';
import { deferred, type TestPiped } from './fixture.test.support.ts';
import { CheckResponse } from './generated/ext_authz.ts';
import { type FakeControlPlane, startFakeControlPlane } from './keys/fake-control-plane.test.support.ts';
import { AuthenticationError } from './refusals.ts';
import { startAuthServer } from './start-auth-server.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const disposable of open.splice(0).reverse()) await disposable[Symbol.asyncDispose]();
});

/** With a client that asks as Envoy does. */
async function start(options?: Partial<AuthServerOptions>) {
  const started = await startWithPiped(open, options);
  return { ...started, ...clientOf(started.auth, started.piped) };
}

function clientOf(auth: AuthServer, piped: TestPiped) {
  const client = connectRaw(auth.grpcAddress);
  const healthClient = new Client(auth.grpcAddress, credentials.createInsecure());
  open.push(client, { [Symbol.asyncDispose]: async () => healthClient.close() });
  const check = async (authorization?: string) => {
    const headers = { authorization: authorization ?? `Bearer ${await piped.sign({ now: Date.now })}` };
    const answer = await client.check(encodeCheckRequest({ headers }));
    if (typeof answer === 'number') return `status ${answer}`;
    const { status, dynamicMetadata } = CheckResponse.decode(answer);
    return status?.code === 0 ? 'allowed' : dynamicMetadata?.fields.reason?.stringValue;
  };
  const health = (service = '') =>
    new Promise<string>(resolve => {
      const { path, requestSerialize, responseDeserialize } = healthService.Check as never as HealthMethod;
      healthClient.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { service },
        (error: ServiceError | null, answer?: { status: string }) => resolve(answer?.status ?? `status ${error?.code}`),
      );
    });
  const get = async (path: string) => (await fetch(`http://${auth.metricsAddress}${path}`)).text();
  return { check, health, get };
}

interface HealthMethod {
  path: string;
  requestSerialize(request: { service: string }): Buffer;
  responseDeserialize(bytes: Buffer): { status: string };
}

const live = (health: () => Promise<string>) =>
  vi.waitFor(async () => expect(await health()).toBe('SERVING'), { timeout: 5000, interval: 10 });

const REFUSES_ONE: Authenticator = {
  name: 'one',
  restsOn: 'request',
  authenticate: request =>
    request.headers.authorization === 'Bearer one'
      ? { kind: 'refused', error: new AuthenticationError('issuer_unknown') }
      : { kind: 'not-mine' },
};

describe('the chain of authenticators', () => {
  it('asks those that were chosen, in their order', async () => {
    const { check, health } = await start({ authenticators: [REFUSES_ONE, 'piped-jwt'] });
    await live(health);
    expect(await check('Bearer one')).toBe('issuer_unknown');
    expect(await check()).toBe('allowed');
  });

  it('takes no credential of a kind that was not chosen', async () => {
    const { check, health } = await start({ authenticators: [REFUSES_ONE] });
    await live(health);
    expect(await check()).toBe('credential_missing');
  });

  it('believes a forwarded certificate only where hops are trusted', async () => {
    const seen: (string | undefined)[] = [];
    const watcher: Authenticator = {
      name: 'watcher',
      restsOn: 'request',
      authenticate: ({ peer }) => {
        seen.push(peer.certificate?.principal);
        return { kind: 'not-mine' };
      },
    };
    const headers = { 'x-forwarded-client-cert': 'URI=spiffe://example.org/one' };
    for (const trust of [{}, { forwardedCertificates: { trustedHops: ['127.0.0.0/8'] } }]) {
      const { auth } = await start({ authenticators: [watcher], ...trust });
      const request = { headers, method: 'POST', path: '/v1/traces', peer: { address: '127.0.0.1' } };
      await expect(async () => auth.server.authenticate(request)).rejects.toThrow();
    }
    expect(seen).toEqual([undefined, 'spiffe://example.org/one']);
  });

  it('does not start with an empty chain', async () => {
    await expect(start({ authenticators: [] })).rejects.toThrow(TypeError);
  });
});

describe('startAuthServer', () => {
  it('checks credentials with keys from the control plane', async () => {
    const { check, health, get, piped, controlPlane } = await start();
    await live(health);
    expect([await check(), await check('Bearer x'), await check('')]).toEqual([
      'allowed',
      'credential_malformed',
      'credential_missing',
    ]);
    controlPlane.change(piped.kid, { keyStatus: 'revoked' });
    await vi.waitFor(async () => expect(await check()).toBe('key_revoked'), { timeout: 1000 });
    const metrics = await get('/metrics');
    expect(metrics).toContain(
      'spanpass_check_decisions_total{outcome="allowed",reason="",protocol="ext_authz_grpc",authenticator="piped-jwt"}',
    );
    expect(metrics).toContain('spanpass_key_lookups_total{result="found"} 1');
    expect([await get('/healthz'), await get('/readyz')]).toEqual(['ok\n', 'ready\n']);
  });

  it('says by its health whether it can decide, for itself and for ext_authz', async () => {
    const { health, get, controlPlane, check } = await start({
      controlPlane: { ...(await unreachable()), maxStaleMs: 200 },
    });
    expect(await health()).toBe('NOT_SERVING');
    expect(await check()).toBe('key_source_unavailable');
    expect(await get('/readyz')).toBe('not ready\n');
    expect(await health('envoy.service.auth.v3.Authorization')).toBe('NOT_SERVING');
    expect(await health('other')).toBe('status 5');
    expect(controlPlane.lookups).toEqual([]);
  });

  it('is SERVING until nothing fresh enough is left', async () => {
    const { health, controlPlane, check } = await start();
    await live(health);
    expect(await health('envoy.service.auth.v3.Authorization')).toBe('SERVING');
    expect(await check()).toBe('allowed');
    controlPlane.answerFeed = (_, response) => response.writeHead(503).end();
    controlPlane.dropFeeds();
    expect([await health(), await check()]).toEqual(['SERVING', 'allowed']);
  });

  it('answers what is under way when it is told to stop, and then closes its ports', async () => {
    const { auth, check, health, controlPlane } = await start();
    await live(health);
    const gate = deferred<void>();
    controlPlane.afterRead = gate.promise;
    const waiting = check();
    await vi.waitFor(() => expect(controlPlane.lookups).toHaveLength(1));
    const stopped = auth[Symbol.asyncDispose]();
    gate.resolve();
    expect(await waiting).toBe('allowed');
    await stopped;
    expect(await check()).toBe('status 14');
    await expect(fetch(`http://${auth.metricsAddress}/healthz`)).rejects.toThrow();
  });

  it('does not wait for ever for what is under way', async () => {
    const { auth, check, health, controlPlane } = await start({ drainTimeoutMs: 10 });
    await live(health);
    controlPlane.afterRead = new Promise(() => {});
    const waiting = check();
    await vi.waitFor(() => expect(controlPlane.lookups).toHaveLength(1));
    await auth[Symbol.asyncDispose]();
    expect(await waiting).toMatch(/^status/);
  });

  it('takes credentials for its own gateway only', async () => {
    const { check, health, piped } = await start({ gatewayAudience: 'other-gateway' });
    await live(health);
    const sign = (audience: string) => piped.sign({ audience, now: Date.now });
    expect(await check(`Bearer ${await sign('spanpass-gateway')}`)).toBe('audience_mismatch');
    expect(await check(`Bearer ${await sign('other-gateway')}`)).toBe('allowed');
  });

  it('checks over HTTP too, by the same rules, and stops it in the same way', async () => {
    const { auth, health, piped, get } = await start();
    await live(health);
    const ask = async (path: string, authorization: string) => {
      const { status, headers } = await fetch(`http://${auth.httpAddress}${path}`, { headers: { authorization } });
      return [status, headers.get('x-spanpass-piped') ?? headers.get('x-spanpass-reason')];
    };
    const credential = `Bearer ${await piped.sign({ now: Date.now })}`;
    expect(await ask('/envoy/v1/traces', credential)).toEqual([200, 'edge-1']);
    expect(await ask('/envoy/v1/other', credential)).toEqual([403, 'edge-1']);
    expect(await ask('/envoy/v1/traces', 'Bearer x')).toEqual([401, 'credential_malformed']);
    expect(await get('/metrics')).toMatch(/spanpass_check_decisions_total\{outcome="allowed".*ext_authz_http.*\} 1\n/);
    await auth[Symbol.asyncDispose]();
    await expect(fetch(`http://${auth.httpAddress}/`)).rejects.toThrow();
  });

  it('does without HTTP where it is not wanted', async () => {
    expect((await start({ http: false })).auth.httpAddress).toBeUndefined();
  });

  it('does without metrics where none are wanted', async () => {
    expect((await start({ metrics: false })).auth.metricsAddress).toBeUndefined();
  });

  it.each(['port', 'http', 'metrics'] as const)('says that its %s is in use, and leaves nothing open', async which => {
    const taken = createServer();
    await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const options = which === 'port' ? { port } : { [which]: { port } };
    await expect(start(options)).rejects.toMatchObject({ name: 'ListenError', code: 'address_in_use' });
    await new Promise(resolve => taken.close(resolve));
  });

  it('refuses a control plane in plaintext beyond loopback', async () => {
    const controlPlane = { url: 'http://control.example', token: 'token' };
    await expect(startAuthServer({ controlPlane })).rejects.toThrow('the control plane beyond loopback needs https:');
  });

  it('writes no credential and no token into its log', async () => {
    const { check, health, piped, lines, controlPlane } = await start();
    await live(health);
    const credential = await piped.sign({ now: Date.now });
    controlPlane.answerKey = (_, response) => response.setHeader('x-spanpass-revision', '99').end(`"${credential}`);
    for (const value of [
      `Bearer ${credential}`,
      credential,
      `Bearer ${credential},Bearer ${credential}`,
      'Basic c2VjcmV0',
    ]) {
      expect(await check(value)).not.toBe('allowed');
    }
    const log = lines.join('');
    expect(log).toContain('"reason":"key_source_unavailable"');
    for (const secret of [...credential.split('.'), 'c2VjcmV0', controlPlane.token]) expect(log).not.toContain(secret);
  });
});

/** Where nobody listens. */
async function unreachable(): Promise<Pick<FakeControlPlane, 'url' | 'token'>> {
  await using gone = await startFakeControlPlane();
  return { url: gone.url, token: gone.token };
}

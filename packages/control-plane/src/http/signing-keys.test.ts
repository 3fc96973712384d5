import { parseJws } from '@spanpass/credential';
import { describe, expect, it, vi } from 'vitest';
import { ControlPlaneClient } from '../api-client/index.ts';
import { RETAIN_SECONDS } from '../registry/rotate-signing-keys.ts';
import { DATABASES, EMBEDDED } from '../testing/databases.test.support.ts';
import { ask, assertionOf } from '../testing/exchange.test.support.ts';
import {
  ADMIN_TOKEN,
  AUTH_SERVER_TOKEN,
  type Json,
  startTestPlane,
  type TestPlane,
} from '../testing/plane.test.support.ts';
import { enrolled, type Holder } from '../testing/renewal.test.support.ts';

const DAY_MS = 86_400_000;

async function shown({ call }: TestPlane): Promise<string[]> {
  return (await call('GET', '/oauth2/jwks', { token: null })).body.keys.map(({ kid }: Json) => kid);
}

async function signer(test: TestPlane, holder: Holder): Promise<unknown> {
  const { body } = await ask(test, await assertionOf(test, holder));
  return parseJws(body.access_token).unverifiedHeader.kid;
}

describe.each(DATABASES)('the key that signs access tokens on $name', database => {
  it('is replaced by one that was shown before, and shown itself for as long as its tokens live', async () => {
    await using test = await startTestPlane(database);
    const client = new ControlPlaneClient({ url: test.url, token: ADMIN_TOKEN });
    const holder = await enrolled(test, 'edge-1');
    const [first] = await shown(test);
    expect(await signer(test, holder)).toBe(first);
    const { kid: second, keys } = await client.rotateSigningKey();
    expect(keys.map(({ kid }) => kid)).toEqual([first, second]);
    expect(await shown(test)).toEqual([first, second]);
    test.clock.now += 599_000;
    expect(await signer(test, holder)).toBe(first);
    test.clock.now += 1000;
    expect(await signer(test, holder)).toBe(second);
    test.clock.now += (RETAIN_SECONDS - 1) * 1000;
    expect(await shown(test)).toEqual([first, second]);
    test.clock.now += 1000;
    expect(await shown(test)).toEqual([second]);
  });

  it('is withdrawn at once with all that wait, after a theft', async () => {
    await using test = await startTestPlane(database);
    const client = new ControlPlaneClient({ url: test.url, token: ADMIN_TOKEN });
    const holder = await enrolled(test, 'edge-1');
    const stolen = await client.rotateSigningKey();
    const { keys } = await client.rotateSigningKey({ withdrawOthers: true });
    expect(keys).toHaveLength(1);
    expect(await signer(test, holder)).toBe(keys[0]?.kid);
    const { items } = (await test.call('GET', '/v1/audit?action=signing_key.withdrawn')).body;
    expect(items.map(({ target }: Json) => target.kid).sort()).toEqual(stolen.keys.map(({ kid }) => kid).sort());
    // Of another purpose, and untouched.
    expect((await client.snapshotKeys()).keys).toHaveLength(1);
  });

  it('is replaced by owners alone, and not so often that what verifiers fetch grows', async () => {
    await using test = await startTestPlane(database);
    const refused = await test.call('POST', '/v1/signing-key', { token: AUTH_SERVER_TOKEN, body: {} });
    expect(refused).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    const rotate = () => test.call('POST', '/v1/signing-key', { body: { signsInSeconds: 0 } });
    for (let count = 1; count < 8; count++) expect((await rotate()).status).toBe(201);
    expect(await rotate()).toMatchObject({ status: 409, body: { code: 'too_many_signing_keys' } });
    expect(await shown(test)).toHaveLength(8);
    test.clock.now += RETAIN_SECONDS * 1000;
    expect((await rotate()).body.keys).toHaveLength(2);
    const invalid = await test.call('POST', '/v1/signing-key', { body: { signsInSeconds: -1 } });
    expect(invalid).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });
});

describe('by the schedule', () => {
  it('the next key is shown ten minutes ahead, and old ones are forgotten', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      await using test = await startTestPlane(EMBEDDED, {
        signingKeyLifeSeconds: 86_400,
      });
      const holder = await enrolled(test, 'edge-1');
      const tick = async (passMs: number, expected: number) => {
        test.clock.now += passMs;
        vi.advanceTimersByTime(60_000);
        await vi.waitFor(async () => expect(await shown(test)).toHaveLength(expected), { timeout: 5000 });
      };
      const [first] = await shown(test);
      await tick(DAY_MS - 601_000, 1);
      await tick(1000, 2);
      expect(await signer(test, holder)).toBe(first);
      const [, second] = await shown(test);
      test.clock.now += 600_000;
      expect(await signer(test, holder)).toBe(second);
      await tick(RETAIN_SECONDS * 1000, 1);
      await tick(DAY_MS, 2);
      const [, third] = await shown(test);
      test.clock.now += 600_000;
      expect(await signer(test, holder)).toBe(third);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('what verifiers read', () => {
  it('is cacheable, holds no private half, and names the issuer to the letter', async () => {
    await using test = await startTestPlane(EMBEDDED, {
      issuer: 'https://id.example.org/spanpass',
    });
    const jwks = await test.call('GET', '/oauth2/jwks', { token: null });
    expect(jwks.headers.get('cache-control')).toBe('public, max-age=300');
    expect(Object.keys(jwks.body.keys[0]).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    for (const path of ['openid-configuration', 'oauth-authorization-server']) {
      const { headers, body } = await test.call('GET', `/.well-known/${path}`, { token: null });
      expect(headers.get('cache-control')).toBe('public, max-age=300');
      expect(body).toMatchObject({
        issuer: 'https://id.example.org/spanpass',
        token_endpoint: 'https://id.example.org/spanpass/oauth2/token',
        jwks_uri: 'https://id.example.org/spanpass/oauth2/jwks',
        id_token_signing_alg_values_supported: ['ES256'],
        token_endpoint_auth_methods_supported: ['private_key_jwt'],
      });
    }
  });

  it.each(['https://id.example.org/', 'https://id.example.org?a', 'https://me@id.example.org', 'ftp://id', 'id'])(
    'never has the issuer %s',
    async issuer => {
      const start = startTestPlane(EMBEDDED, { issuer });
      await expect(start).rejects.toThrow(/^issuer: /);
    },
  );
});

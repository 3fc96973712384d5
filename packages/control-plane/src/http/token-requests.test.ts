import { type PublicJwk, parseJws, verifySignature } from '@spanpass/credential';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES, SERVED } from '../testing/databases.test.support.ts';
import { ask, askRaw, assertionOf } from '../testing/exchange.test.support.ts';
import {
  type Answer,
  type Json,
  names,
  newPair,
  startPlaneOn,
  startTestPlane,
  type TestPlane,
} from '../testing/plane.test.support.ts';
import { enrolled, renewed } from '../testing/renewal.test.support.ts';

describe.each(DATABASES)('POST /oauth2/token on $name', database => {
  let test: TestPlane;
  const newName = names('piped');

  beforeAll(async () => {
    test = await startTestPlane(database, { gatewayAudience: 'the-gateway' });
  });
  afterAll(() => test[Symbol.asyncDispose]());

  /** As a verifier does it: by the keys that are shown. */
  async function verified(token: string) {
    const { keys } = (await test.call('GET', '/oauth2/jwks', { token: null })).body;
    const jws = parseJws(token);
    const publicJwk: PublicJwk = keys.find(({ kid }: Json) => kid === jws.unverifiedHeader.kid);
    await verifySignature(token, jws, { alg: 'ES256', publicJwk });
    return { header: jws.unverifiedHeader, claims: jws.unverifiedClaims };
  }
  const expectRefusal = ({ status, headers, body }: Answer, expected: object, description: string | RegExp) => {
    expect({ status, error: body.error, code: body.code }).toEqual(expected);
    expect(body.error_description).toMatch(description);
    expect(Object.keys(body).sort()).toEqual(['code', 'error', 'error_description']);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('content-type')).toContain('application/json');
  };
  const INVALID = { status: 401, error: 'invalid_client', code: 'client_assertion_invalid' };

  it('answers an assertion with an access token of RFC 9068', async () => {
    const holder = await enrolled(test, newName());
    const { status, headers, body } = await ask(test, await assertionOf(test, holder));
    expect(status).toBe(200);
    expect(body).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 300, scope: 'traces' });
    expect([headers.get('cache-control'), headers.get('pragma')]).toEqual(['no-store', 'no-cache']);
    const { header, claims } = await verified(body.access_token);
    const iat = test.clock.now / 1000;
    expect(header).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
    expect(claims).toEqual({
      ...{ iss: test.url, sub: holder.piped, client_id: holder.piped, aud: 'the-gateway', project: 'shop' },
      ...{ scope: 'traces', iat, exp: iat + 300, jti: expect.any(String) },
    });
  });

  it('takes the algorithms of pipeds, and binds the token to the certificate that the assertion names', async () => {
    const { enrollmentToken } = await test.register('shop', newName());
    const pair = await newPair('EdDSA');
    const { body } = await test.enroll(enrollmentToken, pair);
    const holder = { project: 'shop', piped: body.record.piped, pair };
    const certificateThumbprint = 'c'.repeat(43);
    const answer = await ask(test, await assertionOf(test, holder, { certificateThumbprint }));
    expect((await verified(answer.body.access_token)).claims.cnf).toEqual({ 'x5t#S256': certificateThumbprint });
  });

  it('ends no token after its key', async () => {
    await using short = await startTestPlane(database, { keyLifeSeconds: 60 });
    const holder = await enrolled(short, 'edge-1');
    short.clock.now += 40_000;
    const { body } = await ask(short, await assertionOf(short, holder));
    expect(body.expires_in).toBe(20);
    const { exp, iat } = parseJws(body.access_token).unverifiedClaims as { exp: number; iat: number };
    expect(exp - iat).toBe(20);
  });

  it('grants the scope that was asked for, and no more than the piped has', async () => {
    const piped = newName();
    await test.call('POST', '/v1/projects/shop/pipeds', { body: { piped, scopes: ['traces', 'metrics', 'logs'] } });
    const renewedToken = (await test.call('POST', `/v1/projects/shop/pipeds/${piped}/enrollment-tokens`)).body;
    const pair = await newPair();
    await test.enroll(renewedToken.enrollmentToken, pair);
    const holder = { project: 'shop', piped, pair };
    expect((await ask(test, await assertionOf(test, holder))).body.scope).toBe('traces metrics logs');
    expect((await ask(test, await assertionOf(test, holder), { scope: 'logs traces' })).body.scope).toBe('traces logs');
    const beyond = await ask(test, await assertionOf(test, holder), { scope: 'traces profiles' });
    expectRefusal(beyond, { status: 400, error: 'invalid_scope', code: 'scope_invalid' }, 'no more than');
  });

  it('takes an assertion once, however many come at the same time', async () => {
    const holder = await enrolled(test, newName());
    const assertion = await assertionOf(test, holder);
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(test, assertion)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const used = { status: 401, error: 'invalid_client', code: 'client_assertion_used' };
    for (let passed = 0; passed < 120; passed += 30) {
      expectRefusal(await ask(test, assertion), used, 'sign a new assertion');
      test.clock.now += 30_000;
    }
    expectRefusal(await ask(test, assertion), INVALID, 'expired');
  });

  it('refuses assertions made for another door, another issuer, or for longer than a minute', async () => {
    const holder = await enrolled(test, newName());
    const gateway = await assertionOf(test, holder, { purpose: 'gateway' });
    expectRefusal(await ask(test, gateway), INVALID, 'another purpose');
    const renewal = await assertionOf(test, holder, { purpose: 'renewal', bodyHash: 'b'.repeat(43) });
    expectRefusal(await ask(test, renewal), INVALID, 'another purpose');
    const elsewhere = await assertionOf(test, holder, { audience: 'https://elsewhere.example' });
    expectRefusal(await ask(test, elsewhere), INVALID, 'another audience');
    const early = await assertionOf(test, holder, { now: () => test.clock.now + 120_000 });
    expectRefusal(await ask(test, early), INVALID, 'future');
    const token = (await ask(test, await assertionOf(test, holder))).body.access_token;
    expectRefusal(await ask(test, token), INVALID, 'another purpose');
    expectRefusal(await ask(test, 'abc'), INVALID, 'not a JWS');
    // Nor does an access token open any other door here.
    expect((await test.call('GET', '/v1/pipeds', { token })).status).toBe(401);
    expect((await test.call('POST', '/v1/renew', { token, body: {} })).status).toBeGreaterThanOrEqual(400);
  });

  it('refuses a key that is unknown, forged or revoked, and another client_id', async () => {
    const holder = await enrolled(test, newName());
    const stranger = { ...holder, pair: await newPair() };
    expectRefusal(await ask(test, await assertionOf(test, stranger)), INVALID, 'no key has this kid');
    const forged = { ...holder, pair: { ...stranger.pair, kid: holder.pair.kid } };
    expectRefusal(await ask(test, await assertionOf(test, forged)), INVALID, 'signature');
    expectRefusal(await ask(test, await assertionOf(test, { ...holder, project: 'bank' })), INVALID, 'another project');
    const other = await ask(test, await assertionOf(test, holder), { client_id: 'another' });
    expectRefusal(other, INVALID, 'client_id');
    expect((await ask(test, await assertionOf(test, holder), { client_id: holder.piped })).status).toBe(200);
    await test.call('POST', `/v1/keys/${holder.pair.kid}/revoke?force=true`);
    expectRefusal(await ask(test, await assertionOf(test, holder)), INVALID, 'revoked');
  });

  it('refuses a disabled piped or project, until it is enabled', async () => {
    const holder = await enrolled(test, newName(), newName());
    for (const [path, code] of [
      [`/v1/projects/${holder.project}/pipeds/${holder.piped}`, 'piped_disabled'],
      [`/v1/projects/${holder.project}`, 'project_disabled'],
    ] as const) {
      await test.call('POST', `${path}/disable`);
      const answer = await ask(test, await assertionOf(test, holder));
      expectRefusal(answer, { status: 400, error: 'unauthorized_client', code }, 'disabled');
      await test.call('POST', `${path}/enable`);
    }
    expect((await ask(test, await assertionOf(test, holder))).status).toBe(200);
  });

  it.each<[string, Record<string, string | undefined>, object]>([
    ['no grant type', { grant_type: undefined }, { error: 'invalid_request' }],
    ['an empty one', { grant_type: '' }, { error: 'invalid_request' }],
    ['another grant type', { grant_type: 'password' }, { error: 'unsupported_grant_type', code: 'grant_unsupported' }],
    ['another assertion type', { client_assertion_type: 'saml2-bearer' }, { error: 'invalid_request' }],
    ['no assertion', { client_assertion: undefined }, { error: 'invalid_request' }],
    ['a scope that is none', { scope: 'traces  logs' }, { error: 'invalid_request' }],
  ])('refuses a request with %s', async (_, members, expected) => {
    const holder = await enrolled(test, newName());
    const { status, body } = await ask(test, await assertionOf(test, holder), members);
    expect({ status, body }).toMatchObject({ status: 400, body: expected });
  });

  it('refuses what is no such form: doubled, too large, too many, JSON', async () => {
    const doubled = await askRaw(test, 'grant_type=client_credentials&grant_type=client_credentials');
    expect(doubled).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    expect(await askRaw(test, `a=${'x'.repeat(17_000)}`)).toMatchObject({
      status: 413,
      body: { code: 'payload_too_large' },
    });
    const many = Array.from({ length: 40 }, (_, at) => `a${at}=1`).join('&');
    expect(await askRaw(test, many)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    const json = await askRaw(test, '{}', { 'content-type': 'application/json' });
    expect(json).toMatchObject({ status: 415, body: { error: 'invalid_request' } });
    expect(await askRaw(test, '')).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  it('notes the use of the key, so that a renewed one is retired', async () => {
    const holder = await enrolled(test, newName());
    const next = await newPair();
    await renewed(test, holder, next);
    await ask(test, await assertionOf(test, { ...holder, pair: next }));
    const { items } = (await test.call('GET', `/v1/projects/shop/pipeds/${holder.piped}/keys`)).body;
    const used = items.find(({ kid }: Json) => kid === next.kid);
    expect(used.lastUsedAt).toBe(test.clock.now / 1000);
  });

  it('logs neither assertions nor tokens', async () => {
    const holder = await enrolled(test, newName());
    const assertion = await assertionOf(test, holder);
    const { body } = await ask(test, assertion);
    for (const secret of [assertion, body.access_token]) {
      for (const part of secret.split('.')) expect(test.log.text).not.toContain(part);
    }
  });
});

describe.each(DATABASES)('the rate of token requests on $name', database => {
  it('is bounded by peer, and by key once it was verified that it is the key', async () => {
    await using test = await startTestPlane(database, {
      exchangeRate: { burst: 30, perSecond: 0.5 },
      exchangeKeyRate: { burst: 3, perSecond: 0.5 },
    });
    const [holder, other] = [await enrolled(test, 'edge-1'), await enrolled(test, 'edge-2')];
    const forged = { ...holder, pair: { ...other.pair, kid: holder.pair.kid } };
    for (let count = 0; count < 5; count++) {
      expect((await ask(test, await assertionOf(test, forged))).body.code).toBe('client_assertion_invalid');
    }
    const statuses: number[] = [];
    for (let count = 0; count < 4; count++) statuses.push((await ask(test, await assertionOf(test, holder))).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    expect((await ask(test, await assertionOf(test, other))).status).toBe(200);
    const limited = await Promise.all(Array.from({ length: 30 }, () => ask(test, 'x')));
    const last = limited.at(-1);
    expect(last).toMatchObject({ status: 429, body: { error: 'temporarily_unavailable', code: 'rate_limited' } });
    expect(last?.headers.get('retry-after')).toMatch(/^[1-9]/);
  });
});

// The embedded database belongs to one process.
describe.each(SERVED === undefined ? [] : [SERVED])('two replicas on $name', database => {
  it('take an assertion once, and sign with the same key', async () => {
    await using created = await database.create();
    const issuer = 'https://control-plane.example.org';
    await using one = await startPlaneOn({ ...created.options, issuer });
    await using two = await startPlaneOn({ ...created.options, issuer });
    const holder = await enrolled(one, 'edge-1');
    for (let round = 0; round < 5; round++) {
      const assertion = await assertionOf(one, holder, { audience: issuer });
      const answers = await Promise.all([ask(one, assertion), ask(two, assertion)]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
    }
    const tokens = await Promise.all(
      [one, two].map(async plane => ask(plane, await assertionOf(one, holder, { audience: issuer }))),
    );
    const kids = tokens.map(({ body }) => parseJws(body.access_token).unverifiedHeader.kid);
    expect(kids[0]).toBe(kids[1]);
  });
});

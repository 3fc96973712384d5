import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES } from '../testing/databases.test.support.ts';
import { ADMIN_TOKEN, type Json, startPlaneOn, startTestPlane, type TestPlane } from '../testing/plane.test.support.ts';
import { isWellFormedToken, TOKEN_PATTERN } from '../tokens/token-format.ts';

describe.each(DATABASES)('tokens of the API on $name', database => {
  let test: TestPlane;
  beforeAll(async () => {
    test = await startTestPlane(database);
  });
  afterAll(() => test[Symbol.asyncDispose]());

  const create = (body: object) => test.call('POST', '/v1/tokens', { body });
  const statusWith = async (token: string) => (await test.call('GET', '/v1/projects', { token })).status;
  const listed = async (query = '') => (await test.call('GET', `/v1/tokens${query}`)).body.items as Json[];

  it('shows a token once, in a form that scanners of leaked secrets know', async () => {
    const { status, body } = await create({ name: 'ci', role: 'viewer' });
    const { token, ...rest } = body;
    expect(status).toBe(201);
    expect(`token: "${token}"`.match(TOKEN_PATTERN)).toEqual([token]);
    expect(isWellFormedToken(token, 'admin')).toBe(true);
    expect(rest).toEqual({
      ...{ id: expect.any(String), name: 'ci', role: 'viewer', tokenState: 'active', settled: false },
      ...{ createdAt: test.clock.now / 1000, expiresAt: test.clock.now / 1000 + 90 * 86_400 },
    });
    expect(await statusWith(token)).toBe(200);
    expect(JSON.stringify(await listed())).not.toContain(token);
    expect(test.log.text).not.toContain(token);
    expect(JSON.stringify((await test.call('GET', '/v1/audit?action=access_token.created')).body)).toContain(rest.id);
  });

  it('takes a typo for a typo, by the checksum alone', async () => {
    const { token } = (await create({ name: 'ci', role: 'viewer' })).body;
    const last = token.at(-1) === 'A' ? 'B' : 'A';
    expect(await statusWith(token.slice(0, -1) + last)).toBe(401);
  });

  it('gives auth servers tokens that tell them from those of people', async () => {
    const { token } = (await create({ name: 'eu-1', role: 'auth-server' })).body;
    expect(token).toMatch(/^spanpass_as_/);
    expect((await test.call('GET', `/v1/keys/${'A'.repeat(43)}`, { token })).body.code).toBe('key_unknown');
  });

  it('ends a token in time', async () => {
    const { token, id } = (await create({ name: 'short', role: 'viewer', lifeSeconds: 60 })).body;
    test.clock.now += 59_999;
    expect(await statusWith(token)).toBe(200);
    test.clock.now += 1;
    expect(await statusWith(token)).toBe(401);
    expect((await listed('?state=expired')).map(row => row.id)).toContain(id);
    expect((await listed('?state=active')).map(row => row.id)).not.toContain(id);
  });

  it('revokes a token at once and for good', async () => {
    const { token, id } = (await create({ name: 'gone', role: 'owner' })).body;
    expect(await statusWith(token)).toBe(200);
    const revoked = await test.call('POST', `/v1/tokens/${id}/revoke`, { token });
    expect(revoked).toMatchObject({ status: 200, body: { id, tokenState: 'revoked' } });
    expect(await statusWith(token)).toBe(401);
    expect((await test.call('POST', `/v1/tokens/${id}/revoke`)).body).toEqual(revoked.body);
    expect((await listed('?state=revoked')).map(row => row.id)).toEqual([id]);
    const unknown = await test.call('POST', `/v1/tokens/${crypto.randomUUID()}/revoke`);
    expect(unknown).toMatchObject({ status: 404, body: { code: 'token_unknown' } });
  });

  it('leaves the tokens that were given at the start to where they were given', async () => {
    const settled = (await listed()).filter(token => token.settled);
    expect(settled.map(({ role }) => role).sort()).toEqual(['auth-server', 'owner']);
    const admin = settled.find(({ role }) => role === 'owner');
    const answer = await test.call('POST', `/v1/tokens/${admin?.id}/revoke`);
    expect(answer).toMatchObject({ status: 409, body: { code: 'token_settled' } });
    expect(await statusWith(ADMIN_TOKEN)).toBe(200);
  });

  it.each([
    ['a project admin without projects', { role: 'project-admin' }, /^projects: is required/],
    ['a project admin of none', { role: 'project-admin', projects: [] }, /^projects: /],
    ['a bound owner', { role: 'owner', projects: ['shop'] }, /^projects: is only for/],
    ['a bound auth server', { role: 'auth-server', projects: ['shop'] }, /^projects: is only for/],
    ['an unknown role', { role: 'admin' }, /^role: /],
    ['a life without end', { role: 'viewer', lifeSeconds: 1e12 }, /^lifeSeconds: /],
    ['a name with control characters', { role: 'viewer', name: 'a\u001b[2J' }, /^name: /],
  ])('refuses %s', async (_, members, detail) => {
    const answer = await create({ name: 'x', ...members });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(answer.body.detail).toMatch(detail);
  });

  it('pages through tokens that were made in the same millisecond', async () => {
    for (let n = 0; n < 5; n++) await create({ name: `same-${n}`, role: 'viewer' });
    const all = await listed();
    const seen: string[] = [];
    for (let after = ''; ; ) {
      const { body } = await test.call('GET', `/v1/tokens?limit=2${after}`);
      seen.push(...body.items.map((row: Json) => row.id));
      if (body.next === undefined) break;
      after = `&after=${body.next}`;
    }
    expect(seen).toEqual(all.map(row => row.id));
  });
});

describe.each(DATABASES)('the last use of tokens on $name', database => {
  it('is written together, when the control plane closes at the latest, and shown', async () => {
    await using db = await database.create();
    await using first = await startPlaneOn(db.options);
    const { token, id } = (await first.call('POST', '/v1/tokens', { body: { name: 'used', role: 'viewer' } })).body;
    for (let n = 0; n < 3; n++) {
      first.clock.now += 5000;
      await first.call('GET', '/v1/projects', { token });
    }
    const usedAt = first.clock.now / 1000;
    await first.plane.close();
    await using second = await startPlaneOn(db.options);
    const { items } = (await second.call('GET', '/v1/tokens')).body;
    expect(items.find((row: Json) => row.id === id)).toMatchObject({ lastUsedAt: usedAt });
  });
});

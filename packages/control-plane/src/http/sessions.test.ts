import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAX_SESSIONS, SESSION_LIFE_SECONDS } from '../sessions/sessions.ts';
import { EMBEDDED } from '../testing/databases.test.support.ts';
import {
  ADMIN_TOKEN,
  AUTH_SERVER_TOKEN,
  type Json,
  startTestPlane,
  type TestPlane,
} from '../testing/plane.test.support.ts';

const MARK = { 'x-spanpass-console': '1' };

describe.each([EMBEDDED])('a session', database => {
  let test: TestPlane;

  beforeAll(async () => {
    const rate = { burst: 1000, perSecond: 100 };
    test = await startTestPlane(database, { enrollRate: rate });
  });
  afterAll(() => test[Symbol.asyncDispose]());

  const signIn = (token: string, headers = {}) =>
    test.call('POST', '/v1/session', { token: null, body: { token }, headers });
  const cookieOf = (answer: { headers: Headers }) => answer.headers.get('set-cookie')?.split(';')[0] ?? '';
  const as = (method: string, path: string, cookie: string, headers = {}, body?: unknown) =>
    test.call(method, path, { token: null, headers: { cookie, ...headers }, ...(body !== undefined && { body }) });
  const actions = async () =>
    (await test.call('GET', '/v1/audit?order=newest&limit=3')).body.items.map(({ action }: Json) => action);

  it('is a cookie that no script reads and no other site sends', async () => {
    const answer = await signIn(ADMIN_TOKEN);
    expect(answer).toMatchObject({ status: 200, body: { role: 'owner' } });
    expect(answer.headers.get('set-cookie')).toMatch(
      /^spanpass-session=[\w-]{43}; Max-Age=43200; HttpOnly; SameSite=Strict; Path=\/$/,
    );
    expect(await actions()).toContain('session.started');
    expect(test.log.text).not.toContain(cookieOf(answer).split('=')[1]);
  });

  it('is not to be had at an identity provider where none is set', async () => {
    expect((await test.call('GET', '/v1/sign-in', { token: null })).body).toEqual({});
    for (const path of ['/v1/session/oidc', '/v1/session/oidc/callback?code=c&state=s']) {
      const answer = await test.call('GET', path, { token: null });
      expect(answer).toMatchObject({ status: 404, body: { code: 'sign_in_unset' } });
    }
  });

  it('is for TLS alone beyond loopback', async () => {
    await using behind = await startTestPlane(database, { trustedProxies: ['127.0.0.1'] });
    const headers = { 'x-forwarded-proto': 'https' };
    const answer = await behind.call('POST', '/v1/session', { token: null, body: { token: ADMIN_TOKEN }, headers });
    expect(answer.headers.get('set-cookie')).toMatch(/^__Host-spanpass-session=[\w-]{43}; .*; Secure$/);
    const cookie = cookieOf(answer);
    const get = (cookie: string) => behind.call('GET', '/v1/session', { token: null, headers: { ...headers, cookie } });
    expect((await get(cookie)).status).toBe(200);
    expect((await get(cookie.replace('__Host-', ''))).status).toBe(401);
  });

  it('acts with the role of its token', async () => {
    const body = { name: 'eve', role: 'viewer', projects: ['shop'] };
    const { token } = (await test.call('POST', '/v1/tokens', { body })).body;
    const cookie = cookieOf(await signIn(token));
    expect((await as('GET', '/v1/session', cookie)).body).toMatchObject({ role: 'viewer', projects: ['shop'] });
    const refused = await as('POST', '/v1/projects/shop/pipeds', cookie, MARK, { piped: 'edge-1' });
    expect(refused).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    expect((await as('GET', '/v1/tokens', cookie)).status).toBe(403);
  });

  it('ends with its token', async () => {
    const made = (await test.call('POST', '/v1/tokens', { body: { name: 'mallory', role: 'viewer' } })).body;
    const cookie = cookieOf(await signIn(made.token));
    expect((await as('GET', '/v1/pipeds', cookie)).status).toBe(200);
    await test.call('POST', `/v1/tokens/${made.id}/revoke`);
    expect(await as('GET', '/v1/pipeds', cookie)).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
  });

  it('ends when its time is over, and when it is signed out', async () => {
    const cookie = cookieOf(await signIn(ADMIN_TOKEN));
    test.clock.now += SESSION_LIFE_SECONDS * 1000 - 1;
    expect((await as('GET', '/v1/session', cookie)).status).toBe(200);
    test.clock.now += 1;
    expect((await as('GET', '/v1/session', cookie)).status).toBe(401);

    const next = cookieOf(await signIn(ADMIN_TOKEN));
    const out = await as('DELETE', '/v1/session', next, MARK);
    expect(out.status).toBe(200);
    expect(out.headers.get('set-cookie')).toMatch(/^spanpass-session=; Max-Age=0;/);
    expect((await as('GET', '/v1/session', next)).status).toBe(401);
    expect(await actions()).toContain('session.ended');
  });

  it('changes nothing for a call that may come from another site', async () => {
    const cookie = cookieOf(await signIn(ADMIN_TOKEN));
    const register = (headers: Record<string, string>) =>
      as('POST', '/v1/projects/shop/pipeds', cookie, headers, { piped: 'forged' });
    for (const headers of [
      {},
      { 'x-spanpass-console': '0' },
      { ...MARK, 'sec-fetch-site': 'cross-site' },
      { ...MARK, 'sec-fetch-site': 'same-site' },
      { ...MARK, 'sec-fetch-site': 'none' },
    ]) {
      expect(await register(headers)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    }
    expect((await as('GET', '/v1/pipeds', cookie, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await register({ ...MARK, 'sec-fetch-site': 'same-origin' })).status).toBe(201);
  });

  it('is started with a token of a person, and nothing else', async () => {
    for (const token of ['x', `${ADMIN_TOKEN}x`, 'spanpass_admin_typo']) {
      const answer = await signIn(token);
      expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
      expect(answer.headers.get('set-cookie')).toBeNull();
    }
    expect(await signIn(AUTH_SERVER_TOKEN)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    for (const cookie of ['spanpass-session=x', `spanpass-session=${'A'.repeat(43)}`]) {
      expect((await as('GET', '/v1/pipeds', cookie)).status).toBe(401);
    }
    const good = cookieOf(await signIn(ADMIN_TOKEN));
    expect((await as('GET', '/v1/pipeds', `${good}; spanpass-session=other`)).status).toBe(401);
    const wrong = { cookie: good, authorization: 'Bearer other' };
    expect((await test.call('GET', '/v1/pipeds', { token: null, headers: wrong })).status).toBe(401);
  });

  it('is one of a bounded number: one more ends the oldest', async () => {
    const { token } = (await test.call('POST', '/v1/tokens', { body: { name: 'many', role: 'viewer' } })).body;
    const cookies: string[] = [];
    for (let at = 0; at <= MAX_SESSIONS; at++) {
      test.clock.now += 1;
      cookies.push(cookieOf(await signIn(token)));
    }
    const statuses = await Promise.all(
      [cookies[0], cookies[1], cookies.at(-1)].map(
        async cookie => (await as('GET', '/v1/session', cookie ?? '')).status,
      ),
    );
    expect(statuses).toEqual([401, 200, 200]);
  });
});

describe.each([EMBEDDED])('the rate of sign-ins', database => {
  it('is bounded by address, before the body is read', async () => {
    await using test = await startTestPlane(database, { enrollRate: { burst: 2, perSecond: 0.1 } });
    const codes = [];
    for (let at = 0; at < 3; at++)
      codes.push((await test.call('POST', '/v1/session', { token: null, body: { token: `guess-${at}` } })).status);
    expect(codes).toEqual([401, 401, 429]);
  });
});

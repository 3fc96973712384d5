import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EMBEDDED } from '../testing/databases.test.support.ts';
import {
  ADMIN_TOKEN,
  AUTH_SERVER_TOKEN,
  type Json,
  startTestPlane,
  type TestPlane,
} from '../testing/plane.test.support.ts';
import { jaegerTrace, startTraceStore, type TraceStoreDouble } from '../testing/trace-store.test.support.ts';
import { createToken } from '../tokens/token-format.ts';
import { ROLES, type Role } from '../wire/tokens.ts';
import { type RouteName, RULES } from './rules.ts';

/** What the OpenAPI document does not list, and has nothing to be guarded. */
const HIDDEN: readonly string[] = ['GET /metrics', 'GET /openapi.json', 'GET /<console>'];

describe.each([EMBEDDED])('who may call what', database => {
  let test: TestPlane;
  let traces: TraceStoreDouble;
  /** All that the OpenAPI document lists, as it is named in `RULES`. */
  let routes: RouteName[];
  /** Of each role; those that can be bound are bound to `own`. */
  const tokens: Partial<Record<Role, string>> = { 'auth-server': AUTH_SERVER_TOKEN };
  /** One key of each project. */
  const kids: Record<string, string> = {};

  beforeAll(async () => {
    traces = await startTraceStore({ data: ['own', 'other'].map((project, at) => jaegerTrace(`${at}`, [project])) });
    test = await startTestPlane(database, { apiRate: { burst: 10_000, perSecond: 1000 }, jaegerUrl: traces.url });
    const { paths } = (await test.call('GET', '/openapi.json', { token: null })).body as Json;
    routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods as object).map(
        method => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}` as RouteName,
      ),
    );
    for (const project of ['own', 'other']) {
      await test.register(project, 'edge-1');
      kids[project] = (await test.generate(project, 'edge-1')).kid;
    }
    tokens.owner = await tokenOf('owner');
    for (const role of ['project-admin', 'viewer'] as const) tokens[role] = await tokenOf(role, ['own']);
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
    await traces[Symbol.asyncDispose]();
  });

  async function tokenOf(role: Role, projects?: string[]): Promise<string> {
    const body = { name: `a ${role}`, role, ...(projects && { projects }) };
    return (await test.call('POST', '/v1/tokens', { body })).body.token;
  }

  /** Never does what it asks for: a body that fits nowhere, and an ETag that nothing has. */
  function call(route: string, token: string | null, project = 'own') {
    const [method = '', path = ''] = route.split(' ');
    const concrete = path
      .replace(':kid', kids[project] ?? '')
      .replace(':traceId', 'ab'.repeat(16))
      .replace(':project', project)
      .replace(':piped', 'edge-1')
      .replace(':id', crypto.randomUUID());
    const headers = { 'if-match': '"0"' };
    return test.call(method, concrete, { token, headers, ...(method === 'POST' && { body: [] }) });
  }

  const guarded = () => routes.filter(route => RULES[route] !== 'public');
  const isFeed = (route: string) => route === 'GET /v1/changes';

  it('has a row for every route that there is, and no other row', () => {
    expect([...routes, ...HIDDEN].sort()).toEqual(Object.keys(RULES).sort());
    expect(routes.length).toBeGreaterThan(24);
  });

  it('asks for a token on every route that is not public', async () => {
    for (const route of guarded()) {
      const answer = await call(route, null);
      expect(answer, route).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
  });

  it.each(ROLES)('lets a token of the role %s do what its row says, in its own projects and in others', async role => {
    for (const route of guarded().filter(route => !isFeed(route))) {
      const rule = RULES[route];
      if (rule === 'public') continue;
      for (const project of ['own', 'other']) {
        const { status, body } = await call(route, tokens[role] ?? '', project);
        const where = `${role}: ${route} of ${project}`;
        if (rule[role] === 'no') {
          expect({ status, code: body.code }, where).toEqual({ status: 403, code: 'forbidden' });
        } else if (rule[role] === 'own' && rule.about === 'every') {
          expect({ status, code: body.code }, where).toEqual({ status: 403, code: 'forbidden' });
        } else if (rule[role] === 'own' && project === 'other' && rule.about === 'path') {
          expect({ status, code: body.code }, where).toEqual({ status: 403, code: 'forbidden' });
        } else if (rule[role] === 'own' && project === 'other' && rule.about === 'key') {
          expect({ status, code: body.code }, where).toEqual({ status: 404, code: 'key_unknown' });
        } else {
          // Let through to where the body does not fit, the ETag is another one, or there is something to read.
          const unknownToken = route === 'POST /v1/tokens/:id/revoke' && status === 404;
          expect([200, 201, 400, 412].includes(status) || unknownToken, `${where}: ${status}`).toBe(true);
          if (rule[role] === 'own' && rule.about === 'list') {
            const items = body.items ?? [body.deployment];
            expect(items.length, where).toBeGreaterThan(0);
            for (const item of items) expect(item.project ?? item.target.project, where).toBe('own');
          }
        }
      }
    }
  });

  it('lets owners and auth servers follow changes, and nobody who is bound to projects', async () => {
    for (const role of ROLES) {
      const abort = new AbortController();
      const response = await fetch(`${test.url}/v1/changes`, {
        headers: { authorization: `Bearer ${tokens[role]}` },
        signal: abort.signal,
      });
      expect(response.status, role).toBe(role === 'owner' || role === 'auth-server' ? 200 : 403);
      abort.abort();
    }
  });

  it('has lists refuse a filter for the projects of others', async () => {
    for (const path of ['/v1/pipeds?project=other', '/v1/audit?project=other']) {
      for (const role of ['project-admin', 'viewer'] as const) {
        const answer = await test.call('GET', path, { token: tokens[role] ?? '' });
        expect(answer, path).toMatchObject({ status: 403, body: { code: 'forbidden' } });
      }
      expect((await test.call('GET', path)).body.items.length).toBeGreaterThan(0);
    }
  });

  it('lets a viewer who is not bound see all, and change nothing', async () => {
    const token = await tokenOf('viewer');
    const { body } = await test.call('GET', '/v1/projects', { token });
    expect(body.items.map(({ project }: Json) => project)).toEqual(['other', 'own']);
    expect((await test.call('GET', `/v1/keys/${kids.other}`, { token })).status).toBe(200);
    expect((await test.call('POST', '/v1/projects/own/disable', { token })).status).toBe(403);
  });

  it('says the same of a project of others whether it is there or not', async () => {
    const token = tokens['project-admin'] ?? '';
    const [there, not] = await Promise.all(
      ['other', 'nowhere'].map(project => test.call('GET', `/v1/projects/${project}`, { token })),
    );
    expect(there?.body).toEqual(not?.body);
  });

  it('lets nobody in with anything but a token that it knows', async () => {
    for (const authorization of [
      '',
      'Bearer',
      'Bearer ',
      `Basic ${ADMIN_TOKEN}`,
      ADMIN_TOKEN,
      `Bearer ${ADMIN_TOKEN}x`,
      `Bearer ${ADMIN_TOKEN.slice(0, -1)}`,
      `Bearer ${ADMIN_TOKEN.toUpperCase()}`,
      `Bearer ${ADMIN_TOKEN}, Bearer ${ADMIN_TOKEN}`,
      `Bearer ${createToken('admin')}`,
      `Bearer ${createToken('enroll')}`,
      `Bearer ${'x'.repeat(600)}`,
    ]) {
      const answer = await test.call('GET', '/v1/pipeds', { token: null, headers: { authorization } });
      expect(answer, authorization).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    }
    const lower = await test.call('GET', '/v1/pipeds', {
      token: null,
      headers: { authorization: `bearer ${ADMIN_TOKEN}` },
    });
    expect(lower.status).toBe(200);
  });

  it('refuses two authorization headers, of which node:http would keep one', async () => {
    const status = await new Promise(resolve => {
      const headers = ['host', 'x', 'authorization', `Bearer ${ADMIN_TOKEN}`, 'authorization', 'Bearer other'];
      request(`${test.url}/v1/pipeds`, { headers: headers as never }, response => {
        response.resume();
        resolve(response.statusCode);
      }).end();
    });
    expect(status).toBe(401);
  });

  it('looks at the token before it looks at the body', async () => {
    const answer = await test.call('POST', '/v1/projects/shop/pipeds', { token: null, raw: '{' });
    expect(answer.status).toBe(401);
  });
});

describe.each([EMBEDDED])('the rate of calls', database => {
  it('is bounded for each token, and not for auth servers', async () => {
    await using test = await startTestPlane(database, { apiRate: { burst: 5, perSecond: 0.5 } });
    const ask = (token: string) =>
      Promise.all(Array.from({ length: 8 }, () => test.call('GET', `/v1/keys/${'A'.repeat(43)}`, { token })));
    const answers = await ask(ADMIN_TOKEN);
    const limited = answers.filter(({ status }) => status === 429);
    expect(limited).toHaveLength(3);
    expect(limited[0]).toMatchObject({ body: { code: 'rate_limited' } });
    expect(limited[0]?.headers.get('retry-after')).toMatch(/^[1-9]/);
    expect((await ask(AUTH_SERVER_TOKEN)).every(({ status }) => status === 404)).toBe(true);
  });
});

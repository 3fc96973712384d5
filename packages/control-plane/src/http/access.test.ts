import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES } from '../testing/databases.test.support.ts';
import {
  ADMIN_TOKEN,
  AUTH_SERVER_TOKEN,
  type Json,
  startTestPlane,
  type TestPlane,
} from '../testing/plane.test.support.ts';

const PUBLIC = ['GET /healthz', 'GET /readyz', 'POST /v1/enroll', 'POST /v1/renew'];
const FOR_AUTH_SERVERS = ['GET /v1/keys/{kid}', 'GET /v1/changes'];

describe.each(DATABASES.slice(0, 1))('who may call what', database => {
  let test: TestPlane;
  /** All that the OpenAPI document lists, `METHOD /path`. */
  let routes: string[];

  beforeAll(async () => {
    test = await startTestPlane(database);
    const { paths } = (await test.call('GET', '/openapi.json', { token: null })).body as Json;
    routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods as object).map(method => `${method.toUpperCase()} ${path}`),
    );
  });
  afterAll(() => test[Symbol.asyncDispose]());

  const call = (route: string, token: string | null) => {
    const [method = '', path = ''] = route.split(' ');
    const concrete = path.replace('{kid}', 'A'.repeat(43)).replaceAll(/\{\w+\}/g, 'x');
    return test.call(method, concrete, { token, ...(method === 'POST' && { body: {} }) });
  };

  it('lists every route that there is', () => {
    expect(routes).toHaveLength(17);
    expect(routes).toEqual(expect.arrayContaining([...PUBLIC, ...FOR_AUTH_SERVERS]));
  });

  it('asks for a token on every route that is not public', async () => {
    for (const route of routes.filter(route => !PUBLIC.includes(route))) {
      const answer = await call(route, null);
      expect(answer, route).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
  });

  it('lets an auth server read keys and changes, and nothing else', async () => {
    for (const route of routes.filter(route => ![...PUBLIC, ...FOR_AUTH_SERVERS].includes(route))) {
      expect(await call(route, AUTH_SERVER_TOKEN), route).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    }
    expect(await call('GET /v1/keys/{kid}', AUTH_SERVER_TOKEN)).toMatchObject({
      status: 404,
      body: { code: 'key_unknown' },
    });
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

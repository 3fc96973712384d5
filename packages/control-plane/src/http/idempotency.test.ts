import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES, query } from '../testing/databases.test.support.ts';
import {
  type Answer,
  type Json,
  names,
  newPair,
  prove,
  startPlaneOn,
  startTestPlane,
  type TestPlane,
} from '../testing/plane.test.support.ts';

describe.each(DATABASES)('idempotency keys on $name', database => {
  let test: TestPlane;
  /** Another replica where the database can be shared, else the same one. */
  let other: TestPlane;
  const newName = names('piped');
  const newKey = names('key');

  beforeAll(async () => {
    test = await startTestPlane(database);
    other = database.name === 'PostgreSQL' ? await startPlaneOn({ ...test.options, port: 0 }) : test;
  });
  afterAll(async () => {
    await other[Symbol.asyncDispose]();
    await test[Symbol.asyncDispose]();
  });

  const post = (
    path: string,
    key: string,
    body?: object,
    { on = test, ...more }: { on?: TestPlane; token?: string } = {},
  ) => on.call('POST', path, { ...(body && { body }), headers: { 'idempotency-key': key }, ...more });
  const count = async (path: string) => (await test.call('GET', path)).body.items.length;
  const statuses = (answers: Answer[]) => answers.map(({ status }) => status).sort();

  it('answers the same call alike, however its members are ordered, and does it once', async () => {
    const key = newKey();
    const project = newName();
    const first = await post('/v1/projects', key, { project });
    const revision = await test.revision();
    const again = await post('/v1/projects', key, { project });
    expect([again.status, again.body]).toEqual([first.status, first.body]);
    expect(again.headers.get('etag')).toBe(first.headers.get('etag'));
    expect(await test.revision()).toBe(revision);
    expect(await post('/v1/projects', newKey(), { project })).toMatchObject({ status: 409 });

    const pipeds = `/v1/projects/${project}/pipeds`;
    const [a, b] = [newKey(), { piped: 'x', scopes: ['logs', 'traces'] }];
    expect((await post(pipeds, a, b)).status).toBe(201);
    expect((await post(pipeds, a, { scopes: b.scopes, piped: b.piped })).status).toBe(201);
  });

  it('refuses the same key with another call', async () => {
    const key = newKey();
    await post('/v1/projects', key, { project: newName() });
    for (const [path, body] of [
      ['/v1/projects', { project: newName() }],
      ['/v1/tokens', { name: 'x', role: 'viewer' }],
      [`/v1/projects/${newName()}/pipeds`, { piped: 'x' }],
    ] as const) {
      expect(await post(path, key, body)).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
    }
  });

  it('keeps the keys of each caller apart, and forgets them after 24 hours', async () => {
    const { token } = (await test.call('POST', '/v1/tokens', { body: { name: 'o', role: 'owner' } })).body;
    const key = newKey();
    await post('/v1/projects', key, { project: newName() });
    expect((await post('/v1/projects', key, { project: newName() }, { token })).status).toBe(201);
    test.clock.now += 86_400_000;
    other.clock.now = test.clock.now;
    expect((await post('/v1/projects', key, { project: newName() })).status).toBe(201);
  });

  it('keeps nothing of a call that was refused', async () => {
    const key = newKey();
    const piped = newName();
    expect((await post(`/v1/projects/shop/pipeds/${piped}/keys`, key, { generate: true })).status).toBe(404);
    await test.register('shop', piped);
    expect((await post(`/v1/projects/shop/pipeds/${piped}/keys`, key, { generate: true })).status).toBe(201);
  });

  it('puts a fresh enrollment token in the place of the one that was not received', async () => {
    const key = newKey();
    const piped = newName();
    const register = () => post('/v1/projects/shop/pipeds', key, { piped });
    const first = await register();
    const again = await register();
    expect(again).toMatchObject({ status: 201, body: { piped, createdAt: first.body.createdAt } });
    expect(again.body.enrollmentToken).not.toBe(first.body.enrollmentToken);
    expect((await test.enroll(first.body.enrollmentToken, await newPair())).status).toBe(401);
    expect((await test.enroll(again.body.enrollmentToken, await newPair())).status).toBe(201);
    expect(await register()).toMatchObject({ status: 409, body: { code: 'secret_shown_already' } });

    const path = `/v1/projects/shop/pipeds/${piped}/enrollment-tokens`;
    const more = newKey();
    const [one, two] = [await post(path, more), await post(path, more)];
    expect((await test.enroll(one.body.enrollmentToken, await newPair())).status).toBe(401);
    expect((await test.enroll(two.body.enrollmentToken, await newPair())).status).toBe(201);
  });

  it('names the key or the token that was shown once, and does not show it again', async () => {
    const piped = newName();
    await test.register('shop', piped);
    const path = `/v1/projects/shop/pipeds/${piped}/keys`;
    const key = newKey();
    const { record, keyFile } = (await post(path, key, { generate: true })).body;
    const again = await post(path, key, { generate: true });
    expect(again).toMatchObject({ status: 409, body: { code: 'secret_shown_already' } });
    expect(again.body.detail).toContain(record.kid);
    expect(await count(path)).toBe(1);

    const created = (await post('/v1/tokens', newKey(), { name: 'once', role: 'viewer' })).body;
    const more = newKey();
    const { id, token } = (await post('/v1/tokens', more, { name: 'twice', role: 'viewer' })).body;
    const refused = await post('/v1/tokens', more, { name: 'twice', role: 'viewer' });
    expect(refused).toMatchObject({ status: 409, body: { code: 'secret_shown_already' } });
    expect(refused.body.detail).toContain(id);

    const { databaseUrl } = test.options;
    if (databaseUrl === undefined) return;
    const kept = JSON.stringify(await query(databaseUrl, 'select * from idempotent_calls'));
    expect(kept).toContain(id);
    for (const secret of [token, created.token, keyFile.privateJwk.d, 'spanpass_enroll_']) {
      expect(kept).not.toContain(secret);
    }
  });

  it('answers an upload again when its proof is good no longer', async () => {
    const piped = newName();
    await test.register('shop', piped);
    const pair = await newPair();
    const body = { publicJwk: pair.publicJwk, alg: pair.alg, proof: await prove(pair, `shop/${piped}`, test.clock) };
    const key = newKey();
    const upload = () => post(`/v1/projects/shop/pipeds/${piped}/keys`, key, body);
    const first = await upload();
    test.clock.now += 3_600_000;
    other.clock.now = test.clock.now;
    const again = await upload();
    expect([again.status, again.body]).toEqual([201, first.body]);
  });

  it('lets many at the same time, on two replicas, have one effect', async () => {
    for (let round = 0; round < 3; round++) {
      const key = newKey();
      const project = newName();
      const replicas = [test, other, test, other, test, other];
      const made = await Promise.all(replicas.map(on => post('/v1/projects', key, { project }, { on })));
      expect(statuses(made)).toEqual(Array.from({ length: 6 }, () => 201));
      for (const { body } of made) expect(body).toEqual(made[0]?.body);

      const pipedKey = newKey();
      const registered = await Promise.all(
        replicas.map(on => post(`/v1/projects/${project}/pipeds`, pipedKey, { piped: 'same' }, { on })),
      );
      expect(statuses(registered)).toEqual(Array.from({ length: 6 }, () => 201));
      // Of six enrollment tokens one is good: the last.
      const enrolled = await Promise.all(
        registered.map(async ({ body }: Json) => test.enroll(body.enrollmentToken, await newPair())),
      );
      expect(statuses(enrolled)).toEqual([201, 401, 401, 401, 401, 401]);

      const path = `/v1/projects/${project}/pipeds/same/keys`;
      const fileKey = newKey();
      const keys = await Promise.all(replicas.map(on => post(path, fileKey, { generate: true }, { on })));
      expect(statuses(keys)).toEqual([201, 409, 409, 409, 409, 409]);
      expect(await count(path)).toBe(2);
    }
  });

  it.each([
    ['with a comma', 'a, b'],
    ['that is too long', 'x'.repeat(129)],
  ])('refuses a key %s', async (_, key) => {
    const answer = await post('/v1/projects', key, { project: newName() });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(answer.body.detail).toMatch(/^idempotency-key: /);
  });
});

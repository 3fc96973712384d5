import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES } from '../testing/databases.test.support.ts';
import { followChanges, isHeartbeat } from '../testing/event-stream.test.support.ts';
import { AUTH_SERVER_TOKEN, type Json, startTestPlane, type TestPlane } from '../testing/plane.test.support.ts';

const hashOf = (letter: string) => `$2a$10$${letter.repeat(53)}`;
const [A, B, C] = [hashOf('a'), hashOf('b'), hashOf('c')];

describe.each(DATABASES)("PipeCD's own keys, on $name", database => {
  let test: TestPlane;

  beforeAll(async () => {
    test = await startTestPlane(database);
  });
  afterAll(() => test[Symbol.asyncDispose]());

  const load = (pipeds: unknown, more: object = {}) =>
    test.call('POST', '/v1/pipecd/imports', { body: { pipeds, ...more } });
  const one = (piped: string, hashes: string[], disabled = false) => ({ project: 'shop', piped, disabled, hashes });
  const keysOf = (piped: string, token = AUTH_SERVER_TOKEN) =>
    test.call('GET', `/v1/projects/shop/pipeds/${piped}/pipecd-keys`, { token });
  const listed = async (piped: string) =>
    (await test.call('GET', '/v1/pipeds')).body.items.find((item: Json) => item.piped === piped);
  const actions = async (piped: string) =>
    (await test.call('GET', `/v1/audit?piped=${piped}`)).body.items.map(({ action }: Json) => action);

  it('are imported with pipeds that nobody registered, disabled ones too, and again without effect', async () => {
    const pipeds = [one('old-1', [A, B]), one('old-2', [C], true), one('old-3', [])];
    const before = await test.revision();
    const dry = await load(pipeds, { dryRun: true });
    expect(await test.revision()).toBe(before);
    expect((await keysOf('old-1')).body.code).toBe('piped_unknown');
    const { status, body } = await load(pipeds);
    expect(status).toBe(200);
    expect(body).toEqual(dry.body);
    expect(body.items).toEqual([
      { project: 'shop', piped: 'old-1', outcome: 'registered', disabledNow: false, pipecdKeys: 2 },
      { project: 'shop', piped: 'old-2', outcome: 'registered', disabledNow: true, pipecdKeys: 1 },
      { project: 'shop', piped: 'old-3', outcome: 'registered', disabledNow: false, pipecdKeys: 0 },
    ]);
    expect((await keysOf('old-1')).body).toMatchObject({
      ...{ project: 'shop', piped: 'old-1', pipedStatus: 'active', projectStatus: 'active' },
      ...{ scopes: ['traces'], hashes: [A, B] },
    });
    expect((await keysOf('old-2')).body).toMatchObject({ pipedStatus: 'disabled', hashes: [C] });
    expect(await listed('old-1')).toMatchObject({ pipecdKeys: 2, keys: 0, lastSeenBy: [] });
    expect(await listed('old-3')).toMatchObject({ pipecdKeys: 0 });
    expect(await actions('old-2')).toEqual(['piped.registered', 'piped.disabled', 'pipecd_keys.imported']);

    const settled = await test.revision();
    const again = await load(pipeds);
    expect(again.body.items.map(({ outcome, disabledNow }: Json) => [outcome, disabledNow])).toEqual([
      ['unchanged', false],
      ['unchanged', false],
      ['unchanged', false],
    ]);
    expect(await test.revision()).toBe(settled);
  });

  it('are replaced by a later import, which never enables, and disables what PipeCD disabled', async () => {
    await load([one('old-4', [A])]);
    await test.call('POST', '/v1/projects/shop/pipeds/old-4/disable');
    expect((await load([one('old-4', [B])])).body.items).toMatchObject([
      { outcome: 'keys_changed', disabledNow: false },
    ]);
    expect((await keysOf('old-4')).body).toMatchObject({ pipedStatus: 'disabled', hashes: [B] });
    await test.call('POST', '/v1/projects/shop/pipeds/old-4/enable');
    expect((await load([one('old-4', [B], true)])).body.items).toMatchObject([
      { outcome: 'unchanged', disabledNow: true },
    ]);
    expect((await keysOf('old-4')).body).toMatchObject({ pipedStatus: 'disabled', hashes: [B] });
    expect((await load([one('old-4', [])])).body.items).toMatchObject([{ outcome: 'keys_changed', pipecdKeys: 0 }]);
    expect((await keysOf('old-4')).body.hashes).toEqual([]);
  });

  it('come to a piped that is registered already, whose scopes and keys stay', async () => {
    await test.call('POST', '/v1/projects/shop/pipeds', { body: { piped: 'new-1', scopes: ['logs'] } });
    const { kid } = await test.generate('shop', 'new-1');
    expect((await load([one('new-1', [A])])).body.items).toMatchObject([{ outcome: 'keys_changed' }]);
    expect((await keysOf('new-1')).body).toMatchObject({ scopes: ['logs'], hashes: [A] });
    expect((await test.call('GET', `/v1/keys/${kid}`)).body).toMatchObject({ keyStatus: 'active', scopes: ['logs'] });
  });

  it('are told to followers as a change of their piped, when they change and when they are forgotten', async () => {
    await using follower = await followChanges(test.url, AUTH_SERVER_TOKEN, { since: await test.revision() });
    await follower.until(isHeartbeat);
    await load([one('old-5', [A])]);
    const path = '/v1/projects/shop/pipeds/old-5/forget-pipecd-keys';
    expect((await test.call('POST', path)).body).toEqual({ project: 'shop', piped: 'old-5' });
    expect((await test.call('POST', path)).status).toBe(200);
    const seen = (await follower.until(({ data }) => data.revision === undefined || data.piped === 'old-5')).concat(
      await follower.until(({ data }) => data.piped === 'old-5'),
    );
    expect(seen.filter(({ event }) => event === 'change').map(({ data }) => data)).toMatchObject([
      { kind: 'piped', project: 'shop', piped: 'old-5', pipedStatus: 'active' },
      { kind: 'piped', project: 'shop', piped: 'old-5', pipedStatus: 'active' },
    ]);
    const { headers, body } = await keysOf('old-5');
    expect(body.hashes).toEqual([]);
    expect(Number(headers.get('x-spanpass-revision'))).toBe(body.revision);
    expect(await actions('old-5')).toEqual(['piped.registered', 'pipecd_keys.imported', 'pipecd_keys.forgotten']);
    const unknown = await test.call('POST', '/v1/projects/shop/pipeds/nobody/forget-pipecd-keys');
    expect(unknown).toMatchObject({ status: 404, body: { code: 'piped_unknown' } });
  });

  it.each([
    ['no pipeds', []],
    ['too many', Array.from({ length: 101 }, (_, at) => one(`p-${at}`, []))],
    ['one twice', [one('twice', [A]), one('twice', [B])]],
    ['three keys', [one('p', [A, B, C])]],
    ['a key that is no hash', [one('p', ['secret'])]],
    ['a redacted hash', [one('p', ['redacted'])]],
    ['a hash that costs a minute', [one('p', [A.replace('$10$', '$20$')])]],
    ['an id that is none', [one('../p', [A])]],
    ['a further member', [{ ...one('p', [A]), admin: true }]],
    ['a huge hash', [one('p', ['$'.repeat(50_000)])]],
    ['too many bytes', [one('p', ['$'.repeat(100_000)])]],
  ])('are refused as a whole with %s', async (_, pipeds) => {
    const before = await test.revision();
    const { status, body } = await load(pipeds);
    expect([400, 413]).toContain(status);
    expect(body.code).toMatch(/^(invalid_request|payload_too_large)$/);
    expect(JSON.stringify(body)).not.toMatch(/\$2a|secret/);
    expect(await test.revision()).toBe(before);
  });

  it('are hashes for auth servers alone', async () => {
    const answer = await test.call('GET', '/v1/projects/shop/pipeds/old-1/pipecd-keys');
    expect(answer).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    for (const path of ['/v1/pipeds', '/v1/audit']) {
      expect(JSON.stringify((await test.call('GET', path)).body)).not.toContain('$2a');
    }
    expect(test.log.text).not.toContain('$2a');
  });

  it('show who still uses them', async () => {
    await load([one('mover', [A])]);
    const { kid } = await test.generate('shop', 'mover');
    const now = Math.floor(test.clock.now / 1000);
    const report = (pipeds: unknown[], keys: unknown[] = []) =>
      test.call('POST', '/v1/reports/usage', {
        token: AUTH_SERVER_TOKEN,
        body: { keys, refusals: [], dropped: 0, pipeds },
      });
    const use = { project: 'shop', piped: 'mover', authenticator: 'pipecd-key', lastUsedAt: now - 50 };
    const stranger = { ...use, piped: 'stranger' };
    expect((await report([use, stranger, { ...use, lastUsedAt: now - 90 }])).body).toEqual({ taken: 1 });
    expect(await listed('mover')).toMatchObject({
      lastSeenAt: now - 50,
      lastSeenBy: [{ authenticator: 'pipecd-key', lastSeenAt: now - 50 }],
    });
    // An earlier time takes nothing back, one in the future is now, and the key's own use comes beside it.
    expect((await report([{ ...use, lastUsedAt: now - 70 }], [{ kid, lastUsedAt: now + 900 }])).body).toEqual({
      taken: 2,
    });
    expect(await listed('mover')).toMatchObject({
      lastSeenAt: now,
      lastSeenBy: [
        { authenticator: 'piped-jwt', lastSeenAt: now },
        { authenticator: 'pipecd-key', lastSeenAt: now - 50 },
      ],
    });
    expect((await report([{ ...use, authenticator: 'Not A Name' }])).status).toBe(400);
    expect((await report(Array.from({ length: 501 }, () => use))).status).toBe(400);
    // Reports of older servers have no pipeds.
    const older = await test.call('POST', '/v1/reports/usage', {
      token: AUTH_SERVER_TOKEN,
      body: { keys: [], refusals: [], dropped: 0 },
    });
    expect(older.status).toBe(200);
  });
});

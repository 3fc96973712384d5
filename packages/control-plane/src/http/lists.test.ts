import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES } from '../testing/databases.test.support.ts';
import { type Json, startTestPlane, type TestPlane } from '../testing/plane.test.support.ts';

describe.each(DATABASES)('lists on $name', database => {
  let test: TestPlane;
  beforeAll(async () => {
    test = await startTestPlane(database, { apiRate: { burst: 100_000, perSecond: 10_000 } });
    for (const project of ['a', 'b']) {
      for (const piped of ['1', '2', '3']) await test.register(project, piped);
    }
    await test.call('POST', '/v1/projects/a/pipeds/2/disable');
    await test.call('POST', '/v1/projects/b/disable');
    const { kid } = await test.generate('a', '1');
    await test.call('POST', `/v1/keys/${kid}/revoke`);
    for (let n = 0; n < 2; n++) await test.generate('a', '1');
  });
  afterAll(() => test[Symbol.asyncDispose]());

  const PATHS = ['/v1/projects', '/v1/pipeds', '/v1/projects/a/pipeds/1/keys', '/v1/audit', '/v1/tokens'];
  const get = async (path: string, query: Record<string, string> = {}) =>
    (await test.call('GET', `${path}?${new URLSearchParams(query)}`)).body as Json;

  async function allOf(path: string, limit: number, between: () => Promise<unknown> = async () => {}): Promise<Json[]> {
    const items: Json[] = [];
    for (let next: string | undefined; ; ) {
      const page = await get(path, { limit: String(limit), ...(next !== undefined && { after: next }) });
      expect(page.items.length).toBeLessThanOrEqual(limit);
      items.push(...page.items);
      if (page.next === undefined) return items;
      next = page.next;
      await between();
    }
  }

  it.each(PATHS)('%s has the same items, whatever the size of a page', async path => {
    const { items, next } = await get(path);
    expect(items.length).toBeGreaterThanOrEqual(2);
    expect(next).toBeUndefined();
    for (const limit of [1, 2, items.length]) expect(await allOf(path, limit)).toEqual(items);
  });

  it.each(PATHS)('%s takes only what it gave itself as a place to go on from', async path => {
    const { next } = await get(path, { limit: '1' });
    const others = await Promise.all(PATHS.filter(other => other !== path).map(other => get(other, { limit: '1' })));
    const [, key] = JSON.parse(Buffer.from(next, 'base64url').toString());
    const elsewhere = Buffer.from(JSON.stringify(['elsewhere', key])).toString('base64url');
    const bad = [elsewhere, '', 'x', 'a/b', '1', `${next}=`, Buffer.from('["pipeds",["a"]]').toString('base64url')];
    for (const after of [...bad, ...others.map(other => other.next)]) {
      const answer = await get(path, { after });
      expect(answer, after).toMatchObject({ status: 400, code: 'invalid_request' });
      expect(answer.detail).toMatch(/^after: must be the `next`/);
    }
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 40 }), async after => {
        expect((await get(path, { after })).status).toBe(400);
      }),
      { numRuns: 30 },
    );
  });

  it('go on where they were, whatever is written before and behind', async () => {
    const items = await allOf('/v1/pipeds', 1, async () => {
      await test.call('POST', '/v1/projects/0/pipeds', { body: { piped: `new-${crypto.randomUUID()}` } });
    });
    const names = items.map(({ project, piped }) => `${project}/${piped}`);
    expect(names).toEqual(['a/1', 'a/2', 'a/3', 'b/1', 'b/2', 'b/3']);
  });

  it.each<[path: string, query: Record<string, string>, expected: (string | number)[], of: (item: Json) => unknown]>([
    ['/v1/projects', { status: 'disabled' }, ['b'], item => item.project],
    ['/v1/pipeds', { project: 'a', status: 'active' }, ['1', '3'], item => item.piped],
    ['/v1/pipeds', { project: 'a', status: 'disabled' }, ['2'], item => item.piped],
    ['/v1/projects/a/pipeds/1/keys', { status: 'revoked' }, ['revoked'], item => item.keyStatus],
    ['/v1/audit', { action: 'piped.disabled' }, ['2'], item => item.target.piped],
    ['/v1/audit', { project: 'b', action: 'project.disabled' }, ['b'], item => item.target.project],
    ['/v1/audit', { project: 'a', piped: '3' }, ['piped.registered', 'enrollment_token.created'], item => item.action],
    ['/v1/audit', { from: String(Date.UTC(2031, 0) / 1000) }, [], item => item.seq],
    ['/v1/audit', { until: String(Date.UTC(2029, 0) / 1000) }, [], item => item.seq],
    ['/v1/tokens', { role: 'owner' }, ['admin-token'], item => item.name],
  ])('%s with %j has just what fits', async (path, query, expected, of) => {
    expect((await get(path, query)).items.map(of)).toEqual(expected);
  });
});

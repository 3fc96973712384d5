import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES } from '../testing/databases.test.support.ts';
import { followChanges } from '../testing/event-stream.test.support.ts';
import { AUTH_SERVER_TOKEN, startTestPlane, type TestPlane } from '../testing/plane.test.support.ts';

const PATH = '/v1/projects/shop/pipeds/edge-1';

describe.each(DATABASES)('what a piped may send, on $name', database => {
  let test: TestPlane;
  let kid: string;
  beforeAll(async () => {
    test = await startTestPlane(database);
    await test.register('shop', 'edge-1');
    ({ kid } = await test.generate('shop', 'edge-1'));
  });
  afterAll(() => test[Symbol.asyncDispose]());

  const change = (scopes: unknown, headers: Record<string, string> = {}) =>
    test.call('PATCH', PATH, { body: { scopes }, headers });

  it('is changed for its keys too, told to followers, and written down', async () => {
    await using follower = await followChanges(test.url, AUTH_SERVER_TOKEN, { since: await test.revision() });
    const answer = await change(['logs', 'traces', 'logs']);
    expect(answer).toMatchObject({ status: 200, body: { piped: 'edge-1', scopes: ['logs', 'traces'] } });
    const revision = Number(/\d+/.exec(answer.headers.get('etag') ?? '')?.[0]);
    const record = await test.call('GET', `/v1/keys/${kid}`);
    expect(record.body).toMatchObject({ scopes: ['logs', 'traces'], revision });
    const told = (await follower.until(({ event }) => event === 'change')).at(-1)?.data;
    expect(told).toMatchObject({
      kind: 'piped',
      project: 'shop',
      piped: 'edge-1',
      scopes: ['logs', 'traces'],
      revision,
    });
    const { body } = await test.call('GET', '/v1/audit?action=piped.scopes_changed');
    expect(body.items).toMatchObject([{ target: { project: 'shop', piped: 'edge-1' }, revision }]);
  });

  it('is changed only as it was read, where the caller says so', async () => {
    const read = (await test.call('GET', PATH)).headers.get('etag') ?? '';
    const answers = await Promise.all(
      [['metrics'], ['profiles'], ['logs']].map(scopes => change(scopes, { 'if-match': read })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412]);
    const won = answers.find(({ status }) => status === 200);
    expect((await test.call('GET', PATH)).body).toEqual(won?.body);
  });

  it('makes no revision where it is so already', async () => {
    await change(['traces', 'logs']);
    const before = await test.revision();
    expect(await change(['logs', 'traces'])).toMatchObject({ status: 200, body: { scopes: ['traces', 'logs'] } });
    expect(await test.revision()).toBe(before);
  });

  it.each([
    [[], 'scopes: must name at least one signal'],
    [['spans'], 'scopes.0: '],
    ['traces', 'scopes: '],
  ])('is refused as %j', async (scopes, detail) => {
    const { status, body } = await change(scopes);
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    expect(body.detail).toContain(detail);
  });

  it('is for those who may change pipeds', async () => {
    const answer = await test.call('PATCH', PATH, { body: { scopes: ['logs'] }, token: AUTH_SERVER_TOKEN });
    expect([answer.status, answer.body.code]).toEqual([403, 'forbidden']);
    const unknown = await test.call('PATCH', '/v1/projects/shop/pipeds/nobody', { body: { scopes: ['logs'] } });
    expect([unknown.status, unknown.body.code]).toEqual([404, 'piped_unknown']);
  });
});

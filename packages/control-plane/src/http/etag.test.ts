import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES } from '../testing/databases.test.support.ts';
import { type Answer, names, startTestPlane, type TestPlane } from '../testing/plane.test.support.ts';

describe.each(DATABASES)('entity tags on $name', database => {
  let test: TestPlane;
  const newName = names('piped');
  beforeAll(async () => {
    test = await startTestPlane(database);
  });
  afterAll(() => test[Symbol.asyncDispose]());

  const etagOf = ({ headers }: Answer) => headers.get('etag') ?? '';
  const change = (path: string, etag: string) => test.call('POST', path, { headers: { 'if-match': etag } });

  it.each([
    ['a project', (project: string) => `/v1/projects/${project}`],
    ['a piped', (project: string, piped: string) => `/v1/projects/${project}/pipeds/${piped}`],
  ])('let one change of %s win that rests on what was read', async (_, pathOf) => {
    const [project, piped] = [newName(), newName()];
    await test.register(project, piped);
    const path = pathOf(project, piped);
    const read = etagOf(await test.call('GET', path));
    expect(read).toMatch(/^"\d+"$/);
    const answers = await Promise.all([1, 2, 3].map(() => change(`${path}/disable`, read)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412]);
    const refused = answers.find(({ status }) => status === 412);
    expect(refused?.body).toMatchObject({ code: 'precondition_failed' });
    const changed = answers.find(({ status }) => status === 200) as Answer;
    const now = await test.call('GET', path);
    expect([etagOf(now), now.body]).toEqual([etagOf(changed), changed.body]);
    expect(etagOf(now)).not.toBe(read);
    expect((await change(`${path}/enable`, `"0", ${etagOf(now)}`)).status).toBe(200);
  });

  it('let a key be revoked as it was read, which its piped and its project are part of', async () => {
    const [project, piped] = [newName(), newName()];
    await test.register(project, piped);
    const { kid } = await test.generate(project, piped);
    const path = `/v1/keys/${kid}`;
    const read = etagOf(await test.call('GET', path));
    await test.call('POST', `/v1/projects/${project}/disable`);
    expect((await change(`${path}/revoke`, read)).status).toBe(412);
    expect((await test.call('GET', path)).body.keyStatus).toBe('active');
    const revoked = await change(`${path}/revoke`, etagOf(await test.call('GET', path)));
    expect(revoked).toMatchObject({ status: 200, body: { keyStatus: 'revoked' } });
    expect(etagOf(revoked)).toBe(etagOf(await test.call('GET', path)));
  });

  it('are strong: a weak one, and one from elsewhere, match nothing; * matches whatever is there', async () => {
    const project = newName();
    const made = await test.call('POST', '/v1/projects', { body: { project } });
    const path = `/v1/projects/${project}/disable`;
    for (const etag of [`W/${etagOf(made)}`, '"other"', '""', '"1e3"'])
      expect((await change(path, etag)).status).toBe(412);
    for (const etag of ['1', '"', 'W/', '"1" "2"']) {
      expect(await change(path, etag), etag).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    }
    expect((await change(path, '*')).status).toBe(200);
    expect((await change(`/v1/projects/${newName()}/disable`, '*')).status).toBe(404);
  });
});

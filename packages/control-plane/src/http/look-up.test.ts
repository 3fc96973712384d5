import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASES } from '../testing/databases.test.support.ts';
import { type Json, startTestPlane, type TestPlane } from '../testing/plane.test.support.ts';
import { keyListSchema, keyRecordSchema } from '../wire/keys.ts';
import { pipedListSchema } from '../wire/pipeds.ts';

describe.each(DATABASES)('look-ups by kid on $name', database => {
  let test: TestPlane;
  beforeAll(async () => {
    test = await startTestPlane(database);
  });
  afterAll(() => test[Symbol.asyncDispose]());

  it('that come together are each answered with their own key, or with none', async () => {
    const kids: string[] = [];
    for (const piped of ['a', 'b', 'c']) {
      await test.register('shop', piped);
      kids.push((await test.generate('shop', piped)).kid);
    }
    const unknown = 'A'.repeat(43);
    const asked = Array.from({ length: 60 }, (_, at) => kids[at % 4] ?? unknown);
    const answers = await Promise.all(asked.map(kid => test.call('GET', `/v1/keys/${kid}`)));
    answers.forEach(({ status, body, headers }, at) => {
      const kid = asked[at];
      expect(headers.get('x-spanpass-revision')).toMatch(/^\d+$/);
      if (kid === unknown) expect([status, body.code]).toEqual([404, 'key_unknown']);
      else expect([status, body.kid, headers.get('etag')]).toEqual([200, kid, `"${body.revision}"`]);
    });
  });

  it('say what was acknowledged before them, however many are under way', async () => {
    await test.register('shop', 'busy');
    const { kid } = await test.generate('shop', 'busy');
    const lookUp = async () => (await test.call('GET', `/v1/keys/${kid}`)) as Json;
    let asking = true;
    const others = Array.from({ length: 8 }, async () => {
      while (asking) await lookUp();
    });
    for (let round = 0; round < 20; round++) {
      const action = round % 2 === 0 ? 'disable' : 'enable';
      const written = await test.call('POST', `/v1/projects/shop/pipeds/busy/${action}`);
      const revision = Number(/\d+/.exec(written.headers.get('etag') ?? '')?.[0]);
      const { body, headers } = await lookUp();
      expect([body.pipedStatus, body.revision]).toEqual([written.body.pipedStatus, revision]);
      expect(Number(headers.get('x-spanpass-revision'))).toBeGreaterThanOrEqual(revision);
    }
    asking = false;
    await Promise.all(others);
  });

  it('and lists answer with just what their schema names, which is not held against it each time', async () => {
    await test.register('shop', 'schema');
    const { kid } = await test.generate('shop', 'schema');
    const { body: record } = await test.call('GET', `/v1/keys/${kid}`);
    expect(keyRecordSchema.parse(record)).toEqual(record);
    const { body: list } = await test.call('GET', '/v1/projects/shop/pipeds/schema/keys');
    expect(keyListSchema.parse(list)).toEqual(list);
    expect(list.items).toHaveLength(1);
    const { body: pipeds } = await test.call('GET', '/v1/pipeds');
    expect(pipedListSchema.parse(pipeds)).toEqual(pipeds);
    expect(pipeds.items.length).toBeGreaterThan(0);
  });
});

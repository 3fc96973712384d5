import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EMBEDDED } from '../testing/databases.test.support.ts';
import { type Json, startTestPlane, type TestPlane } from '../testing/plane.test.support.ts';

describe('the OpenAPI document', () => {
  let test: TestPlane;
  let document: Json;

  beforeAll(async () => {
    test = await startTestPlane(EMBEDDED);
    document = (await test.call('GET', '/openapi.json', { token: null })).body;
  });
  afterAll(() => test[Symbol.asyncDispose]());

  it('is the one that is committed (vitest run -u writes it)', async () => {
    await expect(`${JSON.stringify(document, undefined, 2)}\n`).toMatchFileSnapshot('../../openapi.json');
  });

  it('says of every call what it is for, and how it is refused', () => {
    for (const [path, methods] of Object.entries<Json>(document.paths)) {
      for (const operation of Object.values<Json>(methods)) {
        expect(operation.summary, path).toMatch(/\.$/);
        const refusal = path.startsWith('/oauth2/token') ? 'application/json' : 'application/problem+json';
        expect(operation.responses['4XX'].content).toHaveProperty([refusal]);
      }
    }
  });
});

import { createKeyPair, type Signal } from '@spanpass/credential';
import { expect, it } from 'vitest';
import { createPiped } from '../fixture.test.support.ts';
import { compactRecord, sharedScopes } from './compact-record.ts';

/** A text like this one that is another object, as a parser makes it. */
const parsed = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

it('says the same, frozen, whatever else the record came with', async () => {
  const { record } = await createPiped({ scopes: ['logs', 'traces'] });
  const compact = compactRecord({ ...parsed(record), more: 'than it should' } as typeof record);
  expect(compact).toEqual(record);
  expect([compact, compact.scopes].every(Object.isFrozen)).toBe(true);
  expect(compactRecord(parsed(record)).scopes).toBe(compact.scopes);
});

it.each(['ES256', 'EdDSA', 'RS256', 'PS256'] as const)('keeps all of a key for %s', async alg => {
  const { kid, publicJwk } = await createKeyPair(alg);
  const record = { ...(await createPiped()).record, kid, alg, publicJwk };
  expect(compactRecord(parsed(record))).toEqual(record);
});

it('tells projects apart, also when they are more than it remembers', async () => {
  const { record } = await createPiped();
  const projects = Array.from({ length: 10_002 }, (_, n) => `project-${n}`);
  for (const project of [...projects, ...projects.slice(0, 3)])
    if (compactRecord({ ...record, project }).project !== project) expect.fail(project);
});

it('lets a state that it does not know stand as it is', async () => {
  const { record } = await createPiped();
  const unknown = { ...record, keyStatus: 'of a newer version' as 'active' };
  expect(compactRecord(unknown).keyStatus).toBe('of a newer version');
});

it('shares lists of signals by what they say, in their order, and none that somebody else could change', () => {
  const mine: Signal[] = ['traces', 'logs'];
  const shared = sharedScopes(mine);
  mine.push('metrics');
  expect(shared).toEqual(['traces', 'logs']);
  expect(sharedScopes(['traces', 'logs'])).toBe(shared);
  expect(sharedScopes(['logs', 'traces'])).not.toBe(shared);
  expect(sharedScopes(['traces', 'logs', 'metrics'])).toEqual(mine);
});

import type { Signal } from '@spanpass/credential';
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

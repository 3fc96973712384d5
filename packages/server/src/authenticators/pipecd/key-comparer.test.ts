import { compare, parseOptions } from '@node-rs/bcrypt';
import { expect, it, vi } from 'vitest';
import { deferred } from '../../fixture.test.support.ts';
import { hashOf } from '../pipeds.test.support.ts';
import { KeyComparer } from './key-comparer.ts';
import { isBcryptHash } from './record.ts';

it('compares with hashes that nobody has a key to, at the cost of the real one', async () => {
  const seen: string[] = [];
  const comparer = new KeyComparer({
    maxRunning: 1,
    maxWaiting: 0,
    compare: vi.fn(async (key: string, hash: string) => {
      seen.push(hash);
      return compare(key, hash);
    }),
  });
  const real = await hashOf('right');
  expect(await comparer.match('wrong', [real])).toBeUndefined();
  expect(await comparer.match('wrong', [])).toBeUndefined();
  expect(seen.map(hash => parseOptions(hash).cost)).toEqual([4, 4, 10, 10]);
  expect(seen.every(isBcryptHash)).toBe(true);
});

it('stops at the hash that the key belongs to', async () => {
  const comparing = vi.fn(compare);
  const comparer = new KeyComparer({ maxRunning: 1, maxWaiting: 0, compare: comparing });
  const [first, second] = [await hashOf('one'), await hashOf('two')];
  expect(await comparer.match('one', [first, second])).toBe(first);
  expect(comparing).toHaveBeenCalledTimes(1);
  expect(await comparer.match('two', [first, second])).toBe(second);
});

it('refuses what would wait behind a full queue', async () => {
  const gate = deferred<boolean>();
  const comparer = new KeyComparer({ maxRunning: 1, maxWaiting: 1, compare: () => gate.promise });
  const under = [comparer.match('a', ['x']), comparer.match('b', ['y'])];
  await expect(comparer.match('c', ['z'])).rejects.toMatchObject({ code: 'overloaded' });
  gate.resolve(true);
  expect(await Promise.all(under)).toEqual(['x', 'y']);
});

import { expect, it } from 'vitest';
import { packed } from './packed.ts';

it('copies bytes of any size, each into a place of its own', () => {
  const sources = Array.from({ length: 300 }, (_, at) => Buffer.alloc(at * 37, at % 256));
  const copies = sources.map(packed);
  const expected = sources.map(source => Buffer.from(source));
  for (const source of sources) source.fill(7);
  expect(copies.map((copy, at) => copy.equals(expected[at] ?? Buffer.alloc(1)))).toEqual(sources.map(() => true));
});

it('has small ones share memory that nothing else lies in', () => {
  const [one, other] = [packed(Buffer.from('one')), packed(Buffer.from('other'))];
  expect(other.buffer).toBe(one.buffer);
  expect(Buffer.from('a small one').buffer).not.toBe(one.buffer);
});

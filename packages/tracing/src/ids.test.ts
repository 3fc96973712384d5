import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rootSpanIdOf, traceIdOf } from './ids.ts';

/** The definition, word for word: slow, and with nothing in common with the limbs of the code under test. */
function fnv1a(bits: bigint, offset: bigint, prime: bigint, text: string): string {
  let hash = offset;
  for (const byte of Buffer.from(text, 'utf8')) hash = ((hash ^ BigInt(byte)) * prime) % 2n ** bits;
  return hash.toString(16).padStart(Number(bits) / 4, '0');
}

const fnv128 = (text: string) =>
  fnv1a(128n, 144066263297769815596495629667062367629n, 309485009821345068724781371n, text);
const fnv64 = (text: string) => fnv1a(64n, 14695981039346656037n, 1099511628211n, text);

describe('trace id: FNV-1a/128 of the deployment id', () => {
  test.each([
    ['example-deployment-id', '6e1718579d2303270ca03edd308192cf'],
    ['', '6c62272e07bb014262b821756295c58d'],
  ])('%j → %s, as Go makes it', (id, expected) => {
    expect(traceIdOf(id)).toBe(expected);
  });

  test('bytes are those of UTF-8', () => {
    expect(traceIdOf('デプロイ🚀')).toBe(fnv128('デプロイ🚀'));
    expect(traceIdOf('é')).not.toBe(traceIdOf('e\u0301'));
  });

  test('equals the definition for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), id => traceIdOf(id) === fnv128(id)),
      {
        numRuns: 2000,
      },
    );
  });
});

describe('root span id: FNV-1a/64 of the deployment id', () => {
  test.each([
    ['', 'cbf29ce484222325'],
    ['a', 'af63dc4c8601ec8c'],
    ['foobar', '85944171f73967e8'],
  ])('%j → %s, the published vectors', (id, expected) => {
    expect(rootSpanIdOf(id)).toBe(expected);
  });

  test('equals the definition for any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), id => rootSpanIdOf(id) === fnv64(id)));
  });

  test('is never all zero, which would be no span id', () => {
    expect(fnv64('77kepQFQ8Kl')).toBe('0000000000000000');
    expect(rootSpanIdOf('77kepQFQ8Kl')).toBe('0000000000000001');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isStaticKey, parseStaticKey } from './token.ts';

const id = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/).filter(text => text !== '.' && text !== '..');
const key = fc.stringMatching(/^[!-+\--~]{1,72}$/);

describe("PipeCD's credential", () => {
  it('is read into the parts that it was made of', () => {
    fc.assert(
      fc.property(id, id, key, (project, piped, secret) => {
        const token = `${project},${piped},${secret}`;
        expect(isStaticKey(token)).toBe(true);
        expect(parseStaticKey(token)).toEqual({ project, piped, key: secret });
      }),
    );
  });

  it('is read in one way only: what is read makes the same token again', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.oneof(id, key, fc.constantFrom('', ' ', ',', '\n')), { maxLength: 4 }).map(parts => parts.join(',')),
    );
    fc.assert(
      fc.property(anything, token => {
        const parsed = parseStaticKey(token);
        if (parsed === undefined) return;
        expect(`${parsed.project},${parsed.piped},${parsed.key}`).toBe(token);
        expect(Buffer.byteLength(parsed.key)).toBeLessThanOrEqual(72);
      }),
      { numRuns: 1000 },
    );
  });

  it('is recognised by its two commas, and by nothing else', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z,. ]{0,20}$/), token => {
        expect(isStaticKey(token)).toBe(token.split(',').length === 3);
      }),
    );
  });
});

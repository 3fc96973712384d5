import { describe, expect, it } from 'vitest';
import { parseJws } from './compact.ts';
import { CredentialError } from './errors.ts';
import { verifySignature } from './signature.ts';
import { createFixture, goodClaims, signAnything } from './testing.ts';

const encode = (text: string) => Buffer.from(text).toString('base64url');
const withHeader = (header: string) => `${encode(header)}.${encode('{"iss":"https://issuer.example"}')}.AAAA`;

describe("any issuer's JWS", () => {
  it('may have a header that no credential has', () => {
    const parsed = parseJws(withHeader('{"alg":"RS256","kid":"2024-1","x5t":"abc"}'));
    expect(parsed.unverifiedHeader).toEqual({ alg: 'RS256', kid: '2024-1', x5t: 'abc' });
    expect(parsed.unverifiedClaims).toEqual({ iss: 'https://issuer.example' });
    expect([...parsed.signature]).toEqual([0, 0, 0]);
  });

  it.each([
    ['a key of its own', '{"alg":"RS256","jwk":{}}', 'header_forbidden'],
    ['members to understand', '{"alg":"RS256","crit":["exp"]}', 'header_forbidden'],
    ['a member named twice', '{"alg":"RS256","alg":"none"}', 'header_malformed'],
    ['a list for a header', '[]', 'header_malformed'],
  ])('is refused with %s', (_, header, code) => {
    expect(() => parseJws(withHeader(header))).toThrow(CredentialError);
    expect(() => parseJws(withHeader(header))).toThrow(expect.objectContaining({ code }));
  });

  it('verifies under the key and the algorithm that the caller names', async () => {
    const { pair } = await createFixture();
    const token = await signAnything(pair, goodClaims, { typ: 'JWT' });
    await expect(verifySignature(token, parseJws(token), pair)).resolves.toBeUndefined();
    const { pair: other } = await createFixture();
    await expect(verifySignature(token, parseJws(token), other)).rejects.toMatchObject({ code: 'signature_invalid' });
    await expect(verifySignature(token, parseJws(token), { ...pair, alg: 'EdDSA' })).rejects.toMatchObject({
      code: 'algorithm_mismatch',
    });
  });
});

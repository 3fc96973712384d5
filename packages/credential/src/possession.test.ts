import { describe, expect, it } from 'vitest';
import { signPossession, verifyPossession } from './possession.ts';
import { signCredential } from './sign.ts';
import { createFixture, now } from './testing.ts';

const [mine, other] = await Promise.all([createFixture(), createFixture()]);
const proof = await signPossession(mine.pair, 'token-1', now);

describe('proof of possession', () => {
  it('gives the kid of the key that is held', async () => {
    expect(await verifyPossession(proof, mine.pair, 'token-1', now)).toBe(mine.pair.kid);
  });

  it.each<[string, () => Promise<string>, string]>([
    ['for another request', () => verifyPossession(proof, mine.pair, 'token-2', now), 'body_mismatch'],
    ['of another key', () => verifyPossession(proof, other.pair, 'token-1', now), 'kid_mismatch'],
    ['two minutes old', () => verifyPossession(proof, mine.pair, 'token-1', () => now() + 120_000), 'expired'],
    ['from the future', () => verifyPossession(proof, mine.pair, 'token-1', () => now() - 61_000), 'issued_in_future'],
    [
      'that is a pass for the gateway',
      async () => {
        const pass = await signCredential(mine.key, { purpose: 'gateway', audience: 'spanpass-control-plane', now });
        return verifyPossession(pass, mine.pair, 'token-1', now);
      },
      'typ_mismatch',
    ],
    [
      "signed by another key under this one's kid",
      async () => {
        const forged = await signPossession({ ...other.pair, kid: mine.pair.kid }, 'token-1', now);
        return verifyPossession(forged, mine.pair, 'token-1', now);
      },
      'signature_invalid',
    ],
  ])('is refused: %s', async (_, verified, code) => {
    await expect(verified()).rejects.toMatchObject({ name: 'CredentialError', code });
  });

  it('does not hold the secret that it is bound to', () => {
    expect(Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString()).not.toContain('token-1');
  });
});

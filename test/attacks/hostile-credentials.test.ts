import { CredentialError, parseCredential, verifyCredential } from '@spanpass/credential';
import { describe, expect, it } from 'vitest';
import { altered } from './forge.ts';
import { HOSTILE_CREDENTIALS } from './hostile-credentials.ts';
import { createRegistry } from './registry.ts';

const nowSeconds = Math.floor(Date.now() / 1000);
const { arms, records } = await createRegistry(nowSeconds);

async function verdict(token: string): Promise<string> {
  try {
    const record = records.get(parseCredential(token).unverifiedHeader.kid);
    if (record === undefined) return 'key_unknown';
    await verifyCredential(token, record, {
      purpose: 'gateway',
      audience: 'spanpass-gateway',
      now: () => nowSeconds * 1000,
    });
    return 'accepted';
  } catch (error) {
    return error instanceof CredentialError ? error.code : `thrown: ${error}`;
  }
}

describe('the table of hostile credentials', () => {
  it('has at least 120 rows, no two alike', () => {
    expect(HOSTILE_CREDENTIALS.length).toBeGreaterThanOrEqual(120);
    expect(new Set(HOSTILE_CREDENTIALS.map(({ title }) => title)).size).toBe(HOSTILE_CREDENTIALS.length);
  });

  it('starts from a credential that is accepted', async () => {
    expect(await verdict(altered(arms, {}))).toBe('accepted');
  });

  it.each(HOSTILE_CREDENTIALS)('$title ($source): $code', async ({ code, make }) => {
    expect(await verdict(make(arms))).toBe(code);
  });
});

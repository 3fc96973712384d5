import {
  CredentialError,
  createKeyPair,
  type KeyRecord,
  parseCredential,
  verifyCredential,
} from '@spanpass/credential';
import { describe, expect, it } from 'vitest';
import { type Arms, altered } from './forge.ts';
import { HOSTILE_CREDENTIALS } from './hostile-credentials.ts';

const nowSeconds = Math.floor(Date.now() / 1000);
const [mine, rsa, victim, stranger] = await Promise.all([
  createKeyPair(),
  createKeyPair('RS256'),
  createKeyPair(),
  createKeyPair(),
]);
const arms: Arms = { mine, rsa, victim, stranger, nowSeconds };
const registry = new Map(
  [
    { pair: mine, project: 'shop', piped: 'edge-1' },
    { pair: rsa, project: 'shop', piped: 'edge-rsa' },
    { pair: victim, project: 'bank', piped: 'edge-1' },
  ].map(({ pair, project, piped }): [string, KeyRecord] => [
    pair.kid,
    {
      v: 1,
      kid: pair.kid,
      alg: pair.alg,
      project,
      piped,
      publicJwk: pair.publicJwk,
      scopes: ['traces'],
      keyStatus: 'active',
      pipedStatus: 'active',
      projectStatus: 'active',
      notBefore: nowSeconds - 60,
      notAfter: nowSeconds + 3600,
      revision: 1,
    },
  ]),
);

async function verdict(token: string): Promise<string> {
  try {
    const record = registry.get(parseCredential(token).unverifiedHeader.kid);
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

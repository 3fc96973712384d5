import { createKeyPair, type KeyRecord } from '@spanpass/credential';
import type { Arms } from './forge.ts';

/** The attacker's arms, and the registry that knows the three keys among them. */
export async function createRegistry(
  nowSeconds: number,
): Promise<{ readonly arms: Arms; readonly records: ReadonlyMap<string, KeyRecord> }> {
  const [mine, rsa, victim, stranger] = await Promise.all([
    createKeyPair(),
    createKeyPair('RS256'),
    createKeyPair(),
    createKeyPair(),
  ]);
  const owners = [
    { pair: mine, project: 'shop', piped: 'edge-1' },
    { pair: rsa, project: 'shop', piped: 'edge-rsa' },
    { pair: victim, project: 'bank', piped: 'edge-1' },
  ];
  const records = owners.map(({ pair: { kid, alg, publicJwk }, project, piped }): [string, KeyRecord] => [
    kid,
    {
      v: 1,
      kid,
      alg,
      project,
      piped,
      publicJwk,
      scopes: ['traces'],
      keyStatus: 'active',
      pipedStatus: 'active',
      projectStatus: 'active',
      notBefore: nowSeconds - 60,
      notAfter: nowSeconds + 3600,
      revision: 1,
    },
  ]);
  return { arms: { mine, rsa, victim, stranger, nowSeconds }, records: new Map(records) };
}

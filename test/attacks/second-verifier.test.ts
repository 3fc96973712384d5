import { createKeyPair, importSigningKey, signCredential, verifyCredential } from '@spanpass/credential';
import { beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { altered, forge, goodClaims, goodHeader } from './forge.ts';
import { HOSTILE_CREDENTIALS } from './hostile-credentials.ts';
import { createRegistry } from './registry.ts';
import { ACCEPTED_BY_PYJWT, askPyjwt } from './second-verifier.ts';

await describeWithEngine(['pyjwt'], 'a second verifier, PyJWT', ({ pyjwt }) => {
  const nowSeconds = Math.floor(Date.now() / 1000);
  let registry: Awaited<ReturnType<typeof createRegistry>>;
  beforeAll(async () => {
    registry = await createRegistry(nowSeconds);
  });

  it('accepts what spanpass allows', async () => {
    const { arms } = registry;
    const records = new Map(registry.records);
    const good: [title: string, token: string][] = [
      ['as any piped makes it', altered(arms, {})],
      ['aud as a list of one', altered(arms, {}, { aud: ['spanpass-gateway'] })],
      ['with nbf', altered(arms, {}, { nbf: nowSeconds })],
      ['issued by a clock that is ahead', altered(arms, {}, { iat: nowSeconds + 45, exp: nowSeconds + 345 })],
      ['ended within the skew', altered(arms, {}, { iat: nowSeconds - 330, exp: nowSeconds - 30 })],
      ['living as long as may be', altered(arms, {}, { exp: nowSeconds + 900 })],
      ['with a claim that nobody asked for', altered(arms, {}, { note: 'hello' })],
      ['RS256', forge(arms.rsa, goodHeader(arms.rsa), { ...goodClaims(arms), iss: 'edge-rsa', sub: 'edge-rsa' })],
    ];
    for (const alg of ['ES256', 'EdDSA', 'RS256', 'PS256'] as const) {
      const pair = await createKeyPair(alg);
      const owner = { project: 'shop', piped: `edge-${alg.toLowerCase()}` };
      const [any] = registry.records.values();
      if (any === undefined) throw new Error('the registry is empty');
      records.set(pair.kid, { ...any, ...owner, kid: pair.kid, alg, publicJwk: pair.publicJwk });
      const key = await importSigningKey({ ...pair, ...owner });
      const token = await signCredential(key, { purpose: 'gateway', audience: 'spanpass-gateway' });
      good.push([`${alg}, signed by the client's own code`, token]);
    }
    for (const [title, token] of good) {
      const { kid } = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
      const record = records.get(kid);
      if (record === undefined) throw new Error(`${title}: no record`);
      const expectations = { purpose: 'gateway', audience: 'spanpass-gateway' } as const;
      await expect(verifyCredential(token, record, expectations), title).resolves.toMatchObject({ kid });
    }
    const verdicts = await askPyjwt(
      pyjwt.path,
      records,
      good.map(([, token]) => token),
    );
    expect(good.map(([title], at) => [title, verdicts[at]])).toEqual(good.map(([title]) => [title, 'accepted']));
  });

  it('refuses the hostile table too, but for the rows that are known to differ', async () => {
    const tokens = HOSTILE_CREDENTIALS.map(({ make }) => make(registry.arms));
    const verdicts = await askPyjwt(pyjwt.path, registry.records, tokens);
    const accepted = HOSTILE_CREDENTIALS.filter((_, at) => verdicts[at] === 'accepted').map(({ title }) => title);
    expect(accepted.toSorted()).toEqual(ACCEPTED_BY_PYJWT.flatMap(({ titles }) => titles).toSorted());
  });

  it('refuses every signature that spanpass refuses, by its own arithmetic', async () => {
    const rows = HOSTILE_CREDENTIALS.filter(({ code }) => code === 'signature_invalid');
    const verdicts = await askPyjwt(
      pyjwt.path,
      registry.records,
      rows.map(({ make }) => make(registry.arms)),
    );
    expect(new Set(verdicts)).toEqual(new Set(['InvalidSignatureError']));
  });
});

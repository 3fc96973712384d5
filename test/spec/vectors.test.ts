import { CREDENTIAL_REFUSALS, thumbprint } from '@spanpass/credential';
import { describe, expect, it } from 'vitest';
import { vectors } from './files.ts';
import { publishedKeys } from './keys.ts';
import { vectorFiles } from './vectors.ts';
import { expected, judgeCredential, judgeKeyFile, judgeProof } from './verify.ts';

describe('the test vectors of the specification', () => {
  it.each(Object.entries(vectorFiles()))('%s is what the sources make (npm run vectors -w test)', (name, content) => {
    expect(vectors.any(name)).toEqual(JSON.parse(JSON.stringify(content)));
  });

  it('have keys whose kids are their thumbprints', async () => {
    for (const { publicJwk, kid } of Object.values(publishedKeys())) expect(await thumbprint(publicJwk)).toBe(kid);
    for (const { jwk, kid, title } of vectors.thumbprints().cases) expect(await thumbprint(jwk), title).toBe(kid);
  });

  it.each(['credentials', 'hostile'] as const)('are judged as they say: %s', async name => {
    const file = vectors[name]();
    const found = await Promise.all(file.cases.map(each => judgeCredential(file, each)));
    expect(file.cases.map(({ title }, at) => [title, found[at]])).toEqual(
      file.cases.map(each => [each.title, expected(each)]),
    );
  });

  it('are judged as they say: proofs of possession and key files', async () => {
    const { now, cases } = vectors.possession();
    for (const each of cases) expect(await judgeProof(now, each), each.title).toBe(expected(each));
    for (const each of vectors.keyFiles().cases) expect(await judgeKeyFile(each), each.title).toBe(expected(each));
  });

  it('have each title once, and each reason that a credential can be refused for', () => {
    const all = [vectors.credentials(), vectors.hostile(), vectors.possession(), vectors.keyFiles()];
    for (const { cases } of all) expect(new Set(cases.map(({ title }) => title)).size).toBe(cases.length);
    const reasons = new Set(all.flatMap(({ cases }) => cases.map(each => expected(each))));
    expect(Object.keys(CREDENTIAL_REFUSALS).filter(reason => !reasons.has(reason))).toEqual([]);
  });
});

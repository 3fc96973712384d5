import { beforeAll, describe, expect, it } from 'vitest';
import type { Algorithm } from './algorithms.ts';
import { parseCredential } from './compact.ts';
import { CREDENTIAL_REFUSALS } from './errors.ts';
import type { KeyRecord } from './key-record.ts';
import { sha256 } from './possession.ts';
import { PURPOSES, type Purpose } from './purposes.ts';
import { signCredential } from './sign.ts';
import { createFixture, type Fixture, goodClaims, NOW_SECONDS, now, signAnything } from './testing.ts';
import { assertPlausible, verifyCredential, verifyCredentialNow } from './verify.ts';

const expectations = { purpose: 'gateway', audience: 'spanpass-gateway', now } as const;
let mine: Fixture;
let other: Fixture;
beforeAll(async () => {
  [mine, other] = await Promise.all([createFixture(), createFixture()]);
});

const refused = (
  token: Promise<string> | string,
  code: keyof typeof CREDENTIAL_REFUSALS,
  record: KeyRecord = mine.record,
) =>
  Promise.all(
    [verifyCredential, async (...asked: Parameters<typeof verifyCredential>) => verifyCredentialNow(...asked)].map(
      verify =>
        expect(Promise.resolve(token).then(text => verify(text, record, expectations))).rejects.toMatchObject({
          name: 'CredentialError',
          code,
          message: CREDENTIAL_REFUSALS[code],
        }),
    ),
  ).then(() => {});

describe('a credential that holds', () => {
  it.each<Algorithm>(['ES256', 'EdDSA', 'RS256', 'PS256'])('is accepted with %s and says who sent it', async alg => {
    const { key, record } = await createFixture(alg);
    const token = await signCredential(key, { purpose: 'gateway', audience: 'spanpass-gateway', now });
    const verified = await verifyCredential(token, record, expectations);
    expect(verified).toMatchObject({
      kid: record.kid,
      project: 'shop',
      piped: 'edge-1',
      expiresAt: NOW_SECONDS + 300,
    });
    expect(verifyCredentialNow(token, record, expectations)).toEqual(verified);
  });

  it('may name its one audience in a list, as some libraries write it', async () => {
    const token = await signAnything(mine.pair, { ...goodClaims, aud: ['spanpass-gateway'] });
    expect((await verifyCredential(token, mine.record, expectations)).claims.aud).toBe('spanpass-gateway');
  });

  it('may carry claims that nobody here knows (RFC 7519 section 4)', async () => {
    const token = await signAnything(mine.pair, { ...goodClaims, team: { name: 'edge' } });
    await expect(verifyCredential(token, mine.record, expectations)).resolves.toBeDefined();
  });

  it('hands on the certificate that it is bound to (RFC 8705 section 3.1)', async () => {
    const certificateThumbprint = await sha256('certificate');
    const token = await signCredential(mine.key, {
      purpose: 'gateway',
      audience: 'spanpass-gateway',
      certificateThumbprint,
      now,
    });
    const { claims } = await verifyCredential(token, mine.record, expectations);
    expect(claims.cnf).toEqual({ 'x5t#S256': certificateThumbprint });
  });
});

describe('times', () => {
  it.each([
    ['iat 60 s ahead', { iat: NOW_SECONDS + 60, exp: NOW_SECONDS + 360 }],
    ['exp 59 s ago', { iat: NOW_SECONDS - 359, exp: NOW_SECONDS - 59 }],
    ['a life of 900 s', { exp: NOW_SECONDS + 900 }],
  ])('accepts %s', async (_, times) => {
    const token = await signAnything(mine.pair, { ...goodClaims, ...times });
    await expect(verifyCredential(token, mine.record, expectations)).resolves.toBeDefined();
  });

  it.each([
    ['iat 61 s ahead', { iat: NOW_SECONDS + 61, exp: NOW_SECONDS + 361 }, 'issued_in_future'],
    ['iat a year ahead', { iat: NOW_SECONDS + 31_536_000, exp: NOW_SECONDS + 31_536_300 }, 'issued_in_future'],
    ['nbf 61 s ahead', { nbf: NOW_SECONDS + 61 }, 'issued_in_future'],
    ['exp 60 s ago', { iat: NOW_SECONDS - 360, exp: NOW_SECONDS - 60 }, 'expired'],
    ['a life of 901 s', { exp: NOW_SECONDS + 901 }, 'lifetime_invalid'],
    ['a life of 0 s', { exp: NOW_SECONDS }, 'lifetime_invalid'],
    ['exp before iat', { exp: NOW_SECONDS - 1 }, 'lifetime_invalid'],
  ] as const)('refuses %s', (_, times, code) => refused(signAnything(mine.pair, { ...goodClaims, ...times }), code));

  it('refuses when the clock gives no number', async () => {
    const token = await signAnything(mine.pair, goodClaims);
    const verified = verifyCredential(token, mine.record, { ...expectations, now: () => Number.NaN });
    await expect(verified).rejects.toMatchObject({ code: 'issued_in_future' });
  });
});

describe('claims', () => {
  it.each(Object.keys(goodClaims))('requires %s', claim =>
    refused(signAnything(mine.pair, { ...goodClaims, [claim]: undefined }), 'claims_malformed'),
  );

  it.each([
    ['exp as a string', { exp: `${NOW_SECONDS + 300}` }],
    ['a fractional iat', { iat: NOW_SECONDS + 0.5 }],
    ['a negative iat', { iat: -1 }],
    ['an exp beyond the year 9999', { exp: 1e15 }],
    ['exp null', { exp: null }],
    ['nbf as a string', { nbf: '1' }],
    ['two audiences', { aud: ['spanpass-gateway', 'elsewhere'] }],
    ['no audience in the list', { aud: [] }],
    ['an object as sub', { sub: {} }],
    ['a project with a slash', { project: 'shop/../x' }],
    ['an empty jti', { jti: '' }],
    ['a cnf with more than a thumbprint', { cnf: { 'x5t#S256': 'A'.repeat(43), jwk: {} } }],
  ])('refuses %s', (_, claims) => refused(signAnything(mine.pair, { ...goodClaims, ...claims }), 'claims_malformed'));

  it.each([
    ['iss that is not sub', { iss: 'edge-2' }, 'issuer_mismatch'],
    ["another piped's id", { iss: 'edge-2', sub: 'edge-2' }, 'subject_mismatch'],
    ["another project's id", { project: 'bank' }, 'project_mismatch'],
    ['another audience', { aud: 'spanpass-gateway2' }, 'audience_mismatch'],
    ['an audience in other case', { aud: 'Spanpass-Gateway' }, 'audience_mismatch'],
  ] as const)('refuses %s', (_, claims, code) => refused(signAnything(mine.pair, { ...goodClaims, ...claims }), code));
});

describe('the key', () => {
  it("refuses another key's signature under this kid", () =>
    refused(signAnything(other.pair, goodClaims, { kid: mine.pair.kid }), 'signature_invalid'));

  it("refuses another key's credential, though it is sound", () =>
    refused(signAnything(other.pair, goodClaims), 'kid_mismatch'));

  it.each([
    ['revoked', { keyStatus: 'revoked' }, 'key_revoked'],
    ['retired', { keyStatus: 'retired' }, 'key_retired'],
    ['of a disabled piped', { pipedStatus: 'disabled' }, 'piped_disabled'],
    ['of a disabled project', { projectStatus: 'disabled' }, 'project_disabled'],
    ['not valid yet', { notBefore: NOW_SECONDS + 1 }, 'key_not_yet_valid'],
    ['expired this second', { notAfter: NOW_SECONDS }, 'key_expired'],
  ] as const)('is refused when %s', (_, state, code) =>
    refused(signAnything(mine.pair, goodClaims), code, { ...mine.record, ...state }),
  );

  it('keeps its state to itself until the signature has been verified', () =>
    refused(signAnything(other.pair, goodClaims, { kid: mine.pair.kid }), 'signature_invalid', {
      ...mine.record,
      pipedStatus: 'disabled',
    }));

  it("decides on the algorithm: the token's word for it is refused", async () => {
    const rsa = await createFixture('RS256');
    const token = await signAnything({ ...rsa.pair, alg: 'PS256' }, goodClaims);
    await refused(token, 'algorithm_mismatch', rsa.record);
  });
});

describe('purposes: a pass seen at one door opens no other', () => {
  const doors = Object.keys(PURPOSES) as Purpose[];
  it.each(doors.flatMap(made => doors.map(shown => [made, shown] as const)))(
    'made for %s, shown for %s',
    async (made, shown) => {
      const bodyHash = await sha256('{}');
      const binding = (purpose: Purpose) => (PURPOSES[purpose].bindsBody ? { bodyHash } : {});
      const token = await signCredential(mine.key, { purpose: made, audience: 'same', now, ...binding(made) });
      const verified = verifyCredential(token, mine.record, {
        purpose: shown,
        audience: 'same',
        now,
        ...binding(shown),
      });
      if (made === shown) await expect(verified).resolves.toBeDefined();
      else await expect(verified).rejects.toMatchObject({ code: 'typ_mismatch' });
    },
  );

  it.each(['renewal', 'tokenExchange'] as const)('%s lives for 60 s at most', async purpose => {
    const hash = await sha256('{}');
    const claims = { ...goodClaims, exp: NOW_SECONDS + 61, body_hash: hash };
    const token = await signAnything(mine.pair, claims, { typ: PURPOSES[purpose].typ });
    const verified = verifyCredential(token, mine.record, { ...expectations, purpose, bodyHash: hash });
    await expect(verified).rejects.toMatchObject({ code: 'lifetime_invalid' });
  });

  it('renewal is bound to its body', async () => {
    const token = await signCredential(mine.key, {
      purpose: 'renewal',
      audience: 'u',
      bodyHash: await sha256('{"a":1}'),
      now,
    });
    const verified = verifyCredential(token, mine.record, {
      purpose: 'renewal',
      audience: 'u',
      bodyHash: await sha256('{"a":2}'),
      now,
    });
    await expect(verified).rejects.toMatchObject({ code: 'body_mismatch' });
  });

  it('a renewal without a body to compare is a mistake of the caller', async () => {
    const verified = verifyCredential('x', mine.record, { purpose: 'renewal', audience: 'u', now });
    await expect(verified).rejects.toThrow(TypeError);
  });
});

describe('what no signature could save', () => {
  const plausible = async (claims: object, options?: Parameters<typeof signAnything>[2]) =>
    assertPlausible(
      parseCredential(await signAnything(other.pair, { ...goodClaims, ...claims }, options)),
      expectations,
    );

  it('is told without a key', async () => {
    await expect(plausible({})).resolves.toBeUndefined();
    await expect(plausible({ sub: 'edge-2', iss: 'edge-2' })).resolves.toBeUndefined();
  });

  it.each([
    ['malformed claims', { exp: '1' }, 'claims_malformed'],
    ['iss that is not sub', { iss: 'edge-2' }, 'issuer_mismatch'],
    ['another audience', { aud: 'elsewhere' }, 'audience_mismatch'],
    ['too long a life', { exp: NOW_SECONDS + 901 }, 'lifetime_invalid'],
    ['an iat ahead', { iat: NOW_SECONDS + 61, exp: NOW_SECONDS + 361 }, 'issued_in_future'],
    ['an exp that has passed', { iat: NOW_SECONDS - 360, exp: NOW_SECONDS - 60 }, 'expired'],
  ])('%s', async (_, claims, code) => {
    await expect(plausible(claims)).rejects.toMatchObject({ name: 'CredentialError', code });
    // As with a signature that holds.
    await refused(signAnything(mine.pair, { ...goodClaims, ...claims }), code as never);
  });

  it('another purpose', async () => {
    await expect(plausible({}, { typ: PURPOSES.tokenExchange.typ })).rejects.toMatchObject({ code: 'typ_mismatch' });
  });
});

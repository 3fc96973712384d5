import type { Algorithm } from '@spanpass/credential';
import { describe, expect, it } from 'vitest';
import { createServer } from '../create-server.ts';
import { codeOf, NOW_SECONDS, now } from '../fixture.test.support.ts';
import { authenticatorSuite } from '../testing/index.ts';
import { claimsOf, createIssuerKey, signToken, startIssuer } from './oidc/issuer.test.support.ts';
import { audience, bearer, useOidc } from './oidc.test.support.ts';
import { type OidcOptions, oidc } from './oidc.ts';
import { memoryPipeds, recordOf, silentPipeds } from './pipeds.test.support.ts';

const t = useOidc();

authenticatorSuite(
  {
    name: 'oidc',
    create() {
      const pipeds = memoryPipeds(recordOf());
      const options = { issuer: t.issuer.url, audience, now };
      return {
        authenticator: oidc({ ...options, pipeds }),
        good: [bearer(t.token()), bearer(t.token({ client_id: 'a', jti: '1' }, { typ: 'at+jwt' }))],
        bad: [bearer(t.token({ aud: 'elsewhere' })), bearer(signToken(t.stranger, claimsOf(t.issuer)))],
        foreign: [bearer(t.token({ iss: 'https://issuer.example.org' })), bearer('a,b,c'), bearer('opaque')],
        nowSeconds: NOW_SECONDS,
        change: () => pipeds.put(recordOf({ pipedStatus: 'disabled' })),
        stuck: { authenticator: oidc({ ...options, pipeds: silentPipeds }), request: bearer(t.token()) },
      };
    },
  },
  { describe, it },
);

describe('a token of the issuer', () => {
  it('says who sent it', async () => {
    const found = await t.serverOf().authenticate(bearer(t.token()));
    expect(found).toEqual({
      project: 'shop',
      piped: 'edge-1',
      credentialId: '2026-01',
      authenticator: 'oidc',
      scopes: ['traces'],
      expiresAt: NOW_SECONDS + 300,
    });
    expect(t.issuer.asked).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  it.each<Algorithm>(['ES256', 'RS256', 'PS256', 'EdDSA'])('may be signed with %s', async alg => {
    const other = await createIssuerKey('k', alg);
    t.issuer.keys = [other.jwk];
    expect(await t.answerTo(signToken(other, claimsOf(t.issuer)))).toBe('allowed');
    const others = (['ES256', 'RS256', 'PS256', 'EdDSA'] as const).filter(name => name !== alg);
    expect(await t.answerTo(signToken(other, claimsOf(t.issuer)), { algorithms: others })).toBe('algorithm_mismatch');
  });

  it('is decided on from memory the second time, without a promise', async () => {
    const server = t.serverOf();
    const shown = bearer(t.token());
    const first = await server.authenticate(shown);
    expect(server.authenticate(shown)).toBe(first);
  });

  it('may come from an issuer over TLS whose certificate is trusted', async () => {
    await using secure = await startIssuer({ tls: true });
    secure.keys = [t.key.jwk];
    const shown = bearer(signToken(t.key, claimsOf(secure)));
    const asked = (options: Partial<OidcOptions>) => {
      const authenticator = oidc({ issuer: secure.url, audience, now, ...options });
      return codeOf(() => createServer({ authenticators: [authenticator] }).authenticate(shown));
    };
    expect(await asked({ ca: secure.ca ?? '' })).toBe('allowed');
    expect(await asked({})).toBe('key_source_unavailable');
  });

  it('needs no discovery where the configuration names the keys', async () => {
    expect(await t.answerTo(t.token(), { jwksUri: `${t.issuer.url}/keys` })).toBe('allowed');
    expect(t.issuer.asked).toEqual(['/keys']);
  });

  it('may have what other issuers put in', async () => {
    const claims = { aud: ['account', audience], azp: 'x', nbf: NOW_SECONDS, iat: NOW_SECONDS - 0.5, groups: ['a'] };
    expect(await t.answerTo(t.token(claims, { x5t: 'abc', typ: undefined }))).toBe('allowed');
    expect(await t.answerTo(t.token({ iat: undefined }, { typ: 'application/JWT' }))).toBe('allowed');
  });
});

describe('is refused', () => {
  it.each<[string, Record<string, unknown>, Record<string, unknown>, string]>([
    ['alg none', {}, { alg: 'none' }, 'algorithm_mismatch'],
    ['alg HS256', {}, { alg: 'HS256' }, 'algorithm_mismatch'],
    ['alg in other case', {}, { alg: 'es256' }, 'algorithm_mismatch'],
    ['an alg that is not the key\u2019s', {}, { alg: 'RS256' }, 'key_unknown'],
    ['alg as a list', {}, { alg: ['ES256'] }, 'algorithm_mismatch'],
    ['no kid', {}, { kid: undefined }, 'header_malformed'],
    ['an empty kid', {}, { kid: '' }, 'header_malformed'],
    ['a kid that is a number', {}, { kid: 1 }, 'header_malformed'],
    ['a kid with a line end', {}, { kid: 'a\n' }, 'header_malformed'],
    ['an unknown kid', {}, { kid: '2025-01' }, 'key_unknown'],
    ['a nested token', {}, { cty: 'JWT' }, 'header_malformed'],
    ['a logout token', {}, { typ: 'logout+jwt' }, 'typ_mismatch'],
    ["a piped's own typ", {}, { typ: 'piped+jwt' }, 'typ_mismatch'],
    ['typ as a list', {}, { typ: ['JWT'] }, 'header_malformed'],
    ['an empty typ', {}, { typ: '' }, 'typ_mismatch'],
    ['a key of its own', {}, { jwk: {} }, 'header_forbidden'],
    ['a place of keys of its own', {}, { jku: 'https://evil.example' }, 'header_forbidden'],
    ['critical members', {}, { crit: ['exp'] }, 'header_forbidden'],
    ['no exp', { exp: undefined }, {}, 'claims_malformed'],
    ['exp as a text', { exp: '1' }, {}, 'claims_malformed'],
    ['exp null', { exp: null }, {}, 'claims_malformed'],
    ['a negative iat', { iat: -1 }, {}, 'claims_malformed'],
    ['an exp beyond the year 9999', { exp: 1e15 }, {}, 'claims_malformed'],
    ['no aud', { aud: undefined }, {}, 'claims_malformed'],
    ['an empty list for aud', { aud: [] }, {}, 'claims_malformed'],
    ['an object for aud', { aud: {} }, {}, 'claims_malformed'],
    ['no project', { project: undefined }, {}, 'claims_malformed'],
    ['a project that is no id', { project: 'a/b' }, {}, 'claims_malformed'],
    ['cnf that is no object', { cnf: 'x' }, {}, 'claims_malformed'],
    ['another audience', { aud: 'account' }, {}, 'audience_mismatch'],
    ['an audience in other case', { aud: 'Spanpass-Gateway' }, {}, 'audience_mismatch'],
    ['an audience that only begins so', { aud: ['spanpass-gateway2', 'x'] }, {}, 'audience_mismatch'],
    ['iat 61 s ahead', { iat: NOW_SECONDS + 61 }, {}, 'issued_in_future'],
    ['nbf 61 s ahead', { nbf: NOW_SECONDS + 61 }, {}, 'issued_in_future'],
    ['exp 60 s ago', { iat: NOW_SECONDS - 90, exp: NOW_SECONDS - 60 }, {}, 'expired'],
    ['exp that is iat', { iat: NOW_SECONDS, exp: NOW_SECONDS }, {}, 'lifetime_invalid'],
    ['a life of more than a day', { iat: NOW_SECONDS, exp: NOW_SECONDS + 86_401 }, {}, 'lifetime_invalid'],
    ['more than a day to go, without iat', { iat: undefined, exp: NOW_SECONDS + 86_401 }, {}, 'lifetime_invalid'],
    ['a DPoP key that it is bound to', { cnf: { jkt: 'A'.repeat(43) } }, {}, 'binding_unsupported'],
    [
      'a certificate and a DPoP key',
      { cnf: { 'x5t#S256': 'A'.repeat(43), jkt: 'A'.repeat(43) } },
      {},
      'binding_unsupported',
    ],
    ['an empty binding', { cnf: {} }, {}, 'binding_unsupported'],
  ])('%s', async (_, claims, header, code) => {
    expect(await t.answerTo(t.token(claims, header))).toBe(code);
  });

  it.each([
    ['iat 60 s ahead', { iat: NOW_SECONDS + 60 }],
    ['nbf 60 s ahead', { nbf: NOW_SECONDS + 60 }],
    ['exp 59 s ago', { iat: NOW_SECONDS - 90, exp: NOW_SECONDS - 59 }],
    ['a life of a day', { iat: NOW_SECONDS, exp: NOW_SECONDS + 86_400 }],
  ])('but not %s', async (_, claims) => {
    expect(await t.answerTo(t.token(claims))).toBe('allowed');
  });

  it('a signature of another key under the same kid', async () => {
    expect(await t.answerTo(signToken(t.stranger, claimsOf(t.issuer)))).toBe('signature_invalid');
  });

  it('a claim named twice, a time that is no number, padding', async () => {
    const claims = JSON.stringify(claimsOf(t.issuer));
    for (const [text, code] of [
      [claims.replace('{', '{"sub":"edge-2",'), 'claims_malformed'],
      [claims.replace('{', '{"iss":"https://issuer.example.org",'), 'claims_malformed'],
      [claims.replace(/"exp":\d+/, '"exp":1e400'), 'claims_malformed'],
      [claims.replace(/"exp":\d+/, '"exp":NaN'), 'claims_malformed'],
    ] as const) {
      expect(await t.answerTo(signToken(t.key, text))).toBe(code);
    }
    expect(await t.answerTo(`${t.token()}=`)).toBe('credential_malformed');
    expect(await t.answerTo(t.token({ filler: 'x'.repeat(8192) }))).toBe('credential_too_large');
  });

  it('a token of another issuer, even by one slash', async () => {
    expect(await t.answerTo(t.token({ iss: `${t.issuer.url}/` }))).toBe('issuer_unknown');
    expect(await t.answerTo(t.token({ iss: undefined }))).toBe('issuer_unknown');
    expect(await t.answerTo(t.token({ iss: [t.issuer.url] }))).toBe('issuer_unknown');
    expect(t.issuer.asked).toEqual([]);
  });

  it('a clock that gives no number', async () => {
    expect(await t.answerTo(t.token(), { now: () => Number.NaN })).not.toBe('allowed');
  });

  it('a project that the issuer may not speak for', async () => {
    expect(await t.answerTo(t.token(), { projects: ['shop'] })).toBe('allowed');
    expect(await t.answerTo(t.token({ project: 'bank' }), { projects: ['shop'] })).toBe('project_mismatch');
  });
});

describe('access tokens only (RFC 9068)', () => {
  const claims = { client_id: 'edge', jti: '1' };
  const answer = (changes: Record<string, unknown>, typ: string | undefined) =>
    t.answerTo(t.token({ ...claims, ...changes }, { typ }), { accessTokensOnly: true });

  it('are taken by their type', async () => {
    expect(await answer({}, 'at+jwt')).toBe('allowed');
    expect(await answer({}, 'application/AT+JWT')).toBe('allowed');
    for (const typ of ['JWT', undefined, 'jwt', 'at+jwt2', 'id+jwt'])
      expect(await answer({}, typ)).toBe('typ_mismatch');
  });

  it.each(['client_id', 'jti', 'iat', 'sub'])('must have %s', async claim => {
    const piped = { claims: { piped: 'name' } };
    const shown = t.token({ ...claims, name: 'edge-1', [claim]: undefined }, { typ: 'at+jwt' });
    expect(await t.answerTo(shown, piped)).toBe('claims_malformed');
  });
});

it.each<Partial<Record<keyof OidcOptions, unknown>>>([
  { audience: undefined },
  { audience: '' },
  { audience: [] },
  { audience: ['a', ''] },
  { audience: 7 },
  { issuer: undefined },
  { issuer: '' },
  { issuer: 'issuer.example.org' },
  { issuer: 'http://issuer.example.org' },
  { issuer: 'https://user@issuer.example.org' },
  { issuer: 'https://issuer.example.org?a' },
  { issuer: 'https://issuer.example.org#' },
  { jwksUri: 'http://issuer.example.org/keys' },
  { jwksUri: 'keys' },
  { name: 'OIDC' },
  { name: '' },
  { algorithms: [] },
  { algorithms: ['HS256'] },
  { algorithms: ['none'] },
  { projects: [] },
  { projects: ['../x'] },
  { scopes: ['everything'] },
  { maxLifeSeconds: 0 },
  { keyMaxAgeMs: Number.NaN },
  { keyMaxStaleMs: -1 },
  { unknownKeyCooldownMs: 0.5 },
  { retryMs: 0 },
  { timeoutMs: Number.POSITIVE_INFINITY },
  { maxAnswerBytes: 0 },
])('refuses the options %j', options => {
  expect(() => oidc({ issuer: 'https://issuer.example.org', audience, ...options } as OidcOptions)).toThrow(TypeError);
});

import type { Algorithm } from '@spanpass/credential';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createServer } from '../create-server.ts';
import {
  codeOf,
  createPiped,
  createTestClock,
  memoryKeys,
  NOW_SECONDS,
  now,
  requestWith,
} from '../fixture.test.support.ts';
import { authenticatorSuite } from '../testing/index.ts';
import {
  claimsOf,
  createIssuerKey,
  type IssuerKeyPair,
  sendJson,
  signToken,
  startIssuer,
  type TestIssuer,
} from './oidc/issuer.test.support.ts';
import { type OidcOptions, oidc } from './oidc.ts';
import { pipedJwt } from './piped-jwt.ts';
import { memoryPipeds, recordOf, silentPipeds } from './pipeds.test.support.ts';

const audience = 'spanpass-gateway';
let issuer: TestIssuer;
let key: IssuerKeyPair;
let stranger: IssuerKeyPair;
beforeAll(async () => {
  [key, stranger] = await Promise.all([createIssuerKey('2026-01'), createIssuerKey('2026-01')]);
});
beforeEach(async () => {
  issuer = await startIssuer();
  issuer.keys = [key.jwk];
});
afterEach(() => issuer[Symbol.asyncDispose]());

function serverOf(options: Partial<OidcOptions> = {}) {
  return createServer({
    authenticators: [oidc({ issuer: issuer.url, audience, now, ...options })],
    now: options.now ?? now,
  });
}

const bearer = (token: string) => requestWith(`Bearer ${token}`);
const answerTo = (token: string, options: Partial<OidcOptions> = {}) =>
  codeOf(() => serverOf(options).authenticate(bearer(token)));
const token = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}) =>
  signToken(key, claimsOf(issuer, claims), header);

authenticatorSuite(
  {
    name: 'oidc',
    create() {
      const pipeds = memoryPipeds(recordOf());
      const options = { issuer: issuer.url, audience, now };
      return {
        authenticator: oidc({ ...options, pipeds }),
        good: [bearer(token()), bearer(token({ client_id: 'a', jti: '1' }, { typ: 'at+jwt' }))],
        bad: [bearer(token({ aud: 'elsewhere' })), bearer(signToken(stranger, claimsOf(issuer)))],
        foreign: [bearer(token({ iss: 'https://issuer.example.org' })), bearer('a,b,c'), bearer('opaque')],
        nowSeconds: NOW_SECONDS,
        change: () => pipeds.put(recordOf({ pipedStatus: 'disabled' })),
        stuck: { authenticator: oidc({ ...options, pipeds: silentPipeds }), request: bearer(token()) },
      };
    },
  },
  { describe, it },
);

describe('a token of the issuer', () => {
  it('says who sent it', async () => {
    const found = await serverOf().authenticate(bearer(token()));
    expect(found).toEqual({
      project: 'shop',
      piped: 'edge-1',
      credentialId: '2026-01',
      authenticator: 'oidc',
      scopes: ['traces'],
      expiresAt: NOW_SECONDS + 300,
    });
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  it.each<Algorithm>(['ES256', 'RS256', 'PS256', 'EdDSA'])('may be signed with %s', async alg => {
    const other = await createIssuerKey('k', alg);
    issuer.keys = [other.jwk];
    expect(await answerTo(signToken(other, claimsOf(issuer)))).toBe('allowed');
    const others = (['ES256', 'RS256', 'PS256', 'EdDSA'] as const).filter(name => name !== alg);
    expect(await answerTo(signToken(other, claimsOf(issuer)), { algorithms: others })).toBe('algorithm_mismatch');
  });

  it('is decided on from memory the second time, without a promise', async () => {
    const server = serverOf();
    const shown = bearer(token());
    const first = await server.authenticate(shown);
    expect(server.authenticate(shown)).toBe(first);
  });

  it('may come from an issuer over TLS whose certificate is trusted', async () => {
    await using secure = await startIssuer({ tls: true });
    secure.keys = [key.jwk];
    const shown = bearer(signToken(key, claimsOf(secure)));
    const asked = (options: Partial<OidcOptions>) => {
      const authenticator = oidc({ issuer: secure.url, audience, now, ...options });
      return codeOf(() => createServer({ authenticators: [authenticator] }).authenticate(shown));
    };
    expect(await asked({ ca: secure.ca ?? '' })).toBe('allowed');
    expect(await asked({})).toBe('key_source_unavailable');
  });

  it('needs no discovery where the configuration names the keys', async () => {
    expect(await answerTo(token(), { jwksUri: `${issuer.url}/keys` })).toBe('allowed');
    expect(issuer.asked).toEqual(['/keys']);
  });

  it('may have what other issuers put in', async () => {
    const claims = { aud: ['account', audience], azp: 'x', nbf: NOW_SECONDS, iat: NOW_SECONDS - 0.5, groups: ['a'] };
    expect(await answerTo(token(claims, { x5t: 'abc', typ: undefined }))).toBe('allowed');
    expect(await answerTo(token({ iat: undefined }, { typ: 'application/JWT' }))).toBe('allowed');
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
    expect(await answerTo(token(claims, header))).toBe(code);
  });

  it.each([
    ['iat 60 s ahead', { iat: NOW_SECONDS + 60 }],
    ['nbf 60 s ahead', { nbf: NOW_SECONDS + 60 }],
    ['exp 59 s ago', { iat: NOW_SECONDS - 90, exp: NOW_SECONDS - 59 }],
    ['a life of a day', { iat: NOW_SECONDS, exp: NOW_SECONDS + 86_400 }],
  ])('but not %s', async (_, claims) => {
    expect(await answerTo(token(claims))).toBe('allowed');
  });

  it('a signature of another key under the same kid', async () => {
    expect(await answerTo(signToken(stranger, claimsOf(issuer)))).toBe('signature_invalid');
  });

  it('a claim named twice, a time that is no number, padding', async () => {
    const claims = JSON.stringify(claimsOf(issuer));
    for (const [text, code] of [
      [claims.replace('{', '{"sub":"edge-2",'), 'claims_malformed'],
      [claims.replace('{', '{"iss":"https://issuer.example.org",'), 'claims_malformed'],
      [claims.replace(/"exp":\d+/, '"exp":1e400'), 'claims_malformed'],
      [claims.replace(/"exp":\d+/, '"exp":NaN'), 'claims_malformed'],
    ] as const) {
      expect(await answerTo(signToken(key, text))).toBe(code);
    }
    expect(await answerTo(`${token()}=`)).toBe('credential_malformed');
    expect(await answerTo(token({ filler: 'x'.repeat(8192) }))).toBe('credential_too_large');
  });

  it('a token of another issuer, even by one slash', async () => {
    expect(await answerTo(token({ iss: `${issuer.url}/` }))).toBe('issuer_unknown');
    expect(await answerTo(token({ iss: undefined }))).toBe('issuer_unknown');
    expect(await answerTo(token({ iss: [issuer.url] }))).toBe('issuer_unknown');
    expect(issuer.asked).toEqual([]);
  });

  it('a clock that gives no number', async () => {
    expect(await answerTo(token(), { now: () => Number.NaN })).not.toBe('allowed');
  });

  it('a project that the issuer may not speak for', async () => {
    expect(await answerTo(token(), { projects: ['shop'] })).toBe('allowed');
    expect(await answerTo(token({ project: 'bank' }), { projects: ['shop'] })).toBe('project_mismatch');
  });
});

describe('access tokens only (RFC 9068)', () => {
  const claims = { client_id: 'edge', jti: '1' };
  const answer = (changes: Record<string, unknown>, typ: string | undefined) =>
    answerTo(token({ ...claims, ...changes }, { typ }), { accessTokensOnly: true });

  it('are taken by their type', async () => {
    expect(await answer({}, 'at+jwt')).toBe('allowed');
    expect(await answer({}, 'application/AT+JWT')).toBe('allowed');
    for (const typ of ['JWT', undefined, 'jwt', 'at+jwt2', 'id+jwt'])
      expect(await answer({}, typ)).toBe('typ_mismatch');
  });

  it.each(['client_id', 'jti', 'iat', 'sub'])('must have %s', async claim => {
    const piped = { claims: { piped: 'name' } };
    const shown = token({ ...claims, name: 'edge-1', [claim]: undefined }, { typ: 'at+jwt' });
    expect(await answerTo(shown, piped)).toBe('claims_malformed');
  });
});

describe('who may pass', () => {
  it('is for the records to say, where there are some', async () => {
    const pipeds = memoryPipeds(recordOf({ scopes: ['logs', 'traces'] }));
    const server = serverOf({ pipeds });
    const shown = bearer(token());
    expect(await server.authenticate(shown)).toMatchObject({ scopes: ['logs', 'traces'] });
    pipeds.put(recordOf({ pipedStatus: 'disabled' }));
    expect(await codeOf(() => server.authenticate(shown))).toBe('piped_disabled');
    pipeds.put(recordOf({ projectStatus: 'disabled' }));
    expect(await codeOf(() => server.authenticate(shown))).toBe('project_disabled');
    pipeds.remove('shop', 'edge-1');
    expect(await codeOf(() => server.authenticate(shown))).toBe('piped_unknown');
    pipeds.put(recordOf());
    expect(await codeOf(() => server.authenticate(shown))).toBe('allowed');
  });

  it('is told only to who has a token', async () => {
    const pipeds = memoryPipeds(recordOf({ pipedStatus: 'disabled' }));
    expect(await answerTo(signToken(stranger, claimsOf(issuer)), { pipeds })).toBe('signature_invalid');
    expect(await answerTo(token({ aud: 'x' }), { pipeds })).toBe('audience_mismatch');
  });

  it('is undecided while the records can not be had', async () => {
    expect(await answerTo(token(), { pipeds: silentPipeds, timeoutMs: 50 })).toBe('key_source_unavailable');
  });

  it.each([
    ['neither says', undefined, undefined, ['traces']],
    ['the token says', 'logs metrics', undefined, ['metrics', 'logs']],
    ['the record says', undefined, ['logs'], ['logs']],
    ['both say: no more than each', 'logs metrics', ['traces', 'logs'], ['logs']],
  ] as const)('where %s', async (_, scope, recordScopes, expected) => {
    const authenticator = oidc({
      issuer: issuer.url,
      audience,
      now,
      ...(scope && { claims: { scopes: { claim: 'scope' } } }),
      ...(recordScopes && { pipeds: memoryPipeds(recordOf({ scopes: recordScopes })) }),
    });
    const outcome = await authenticator.authenticate(bearer(token({ scope })), new AbortController().signal);
    expect(outcome).toMatchObject({ facts: { principal: { scopes: expected } } });
  });

  it('is nobody, where the token should say and does not', async () => {
    expect(await answerTo(token(), { claims: { scopes: { claim: 'scope' } } })).toBe('scope_denied');
  });

  it('is whoever shows the certificate that the token is bound to (RFC 8705 section 3.1)', async () => {
    const thumbprint = 'A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0';
    const shown = bearer(token({ cnf: { 'x5t#S256': thumbprint } }));
    const server = serverOf();
    const by = (certificate?: { principal: string; thumbprint: string }) =>
      codeOf(() => server.authenticate({ ...shown, peer: { address: '', ...(certificate && { certificate }) } }));
    expect(await by({ principal: '', thumbprint })).toBe('allowed');
    expect(await by({ principal: '', thumbprint: `${thumbprint.slice(0, -1)}A` })).toBe('certificate_mismatch');
    expect(await by()).toBe('certificate_mismatch');
  });
});

describe('as time goes by', () => {
  it('a remembered token ends with its exp, and 60 s of grace', async () => {
    const clock = createTestClock();
    const server = serverOf({ now: clock.now });
    const shown = bearer(token());
    const answer = () => codeOf(() => server.authenticate(shown));
    for (const [ms, code] of [
      [0, 'allowed'],
      [359_000, 'allowed'],
      [1000, 'expired'],
    ] as const) {
      clock.advance(ms);
      expect(await answer()).toBe(code);
    }
  });

  it('a remembered token is not yet valid when the clock is set back', async () => {
    const clock = createTestClock();
    const server = serverOf({ now: clock.now });
    const shown = bearer(token());
    expect(await codeOf(() => server.authenticate(shown))).toBe('allowed');
    clock.advance(-71_000);
    expect(await codeOf(() => server.authenticate(shown))).toBe('issued_in_future');
  });

  it('a key that the issuer withdraws ends what it signed, remembered or not', async () => {
    const clock = createTestClock();
    const server = serverOf({ clock: clock.now, keyMaxAgeMs: 10_000 });
    const shown = bearer(token());
    const answer = () => codeOf(() => server.authenticate(shown));
    expect(await answer()).toBe('allowed');
    issuer.keys = [];
    clock.advance(10_000);
    expect(await answer()).toBe('allowed');
    clock.advance(1);
    expect(await answer()).toBe('key_unknown');
  });

  it('an issuer that is down ends nothing for a while, and then makes the answer undecided', async () => {
    const clock = createTestClock();
    const server = serverOf({ clock: clock.now, keyMaxAgeMs: 10_000, keyMaxStaleMs: 20_000 });
    const shown = bearer(token());
    const answer = () => codeOf(() => server.authenticate(shown));
    expect(await answer()).toBe('allowed');
    issuer.answer = (_, response) => response.writeHead(503).end();
    clock.advance(10_001);
    expect(await answer()).toBe('allowed');
    clock.advance(10_000);
    expect(await answer()).toBe('key_source_unavailable');
    issuer.answer = undefined;
    clock.advance(5000);
    expect(await answer()).toBe('allowed');
  });

  it('an issuer that rotates its key is followed', async () => {
    const clock = createTestClock();
    const server = serverOf({ clock: clock.now });
    expect(await codeOf(() => server.authenticate(bearer(token())))).toBe('allowed');
    const next = await createIssuerKey('2026-02', 'RS256');
    issuer.keys = [key.jwk, next.jwk];
    clock.advance(30_000);
    expect(await codeOf(() => server.authenticate(bearer(signToken(next, claimsOf(issuer)))))).toBe('allowed');
    expect(await codeOf(() => server.authenticate(bearer(token())))).toBe('allowed');
  });

  it('an issuer that lies about itself is not believed', async () => {
    issuer.answer = (request, response) =>
      sendJson(
        response,
        request.url === '/keys'
          ? { keys: [key.jwk] }
          : { issuer: 'https://evil.example', jwks_uri: `${issuer.url}/keys` },
      );
    expect(await answerTo(token())).toBe('key_source_unavailable');
  });
});

it('stands beside the signed credentials, in either order', async () => {
  const piped = await createPiped();
  const own = pipedJwt({ keys: memoryKeys(new Map([[piped.kid, piped.record]])), now });
  const foreign = oidc({ issuer: issuer.url, audience, now });
  for (const authenticators of [
    [own, foreign],
    [foreign, own],
  ]) {
    const server = createServer({ authenticators });
    expect(await server.authenticate(bearer(await piped.sign()))).toMatchObject({ authenticator: 'piped-jwt' });
    expect(await server.authenticate(bearer(token()))).toMatchObject({ authenticator: 'oidc' });
    expect(await codeOf(() => server.authenticate(bearer(token({ aud: 'x' }))))).toBe('audience_mismatch');
  }
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

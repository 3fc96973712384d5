import { describe, expect, it } from 'vitest';
import { createServer } from '../create-server.ts';
import { codeOf, createPiped, createTestClock, memoryKeys, now } from '../fixture.test.support.ts';
import { claimsOf, createIssuerKey, sendJson, signToken } from './oidc/issuer.test.support.ts';
import { audience, bearer, useOidc } from './oidc.test.support.ts';
import { oidc } from './oidc.ts';
import { pipedJwt } from './piped-jwt.ts';
import { memoryPipeds, recordOf, silentPipeds } from './pipeds.test.support.ts';

const t = useOidc();

describe('who may pass', () => {
  it('is for the records to say, where there are some', async () => {
    const pipeds = memoryPipeds(recordOf({ scopes: ['logs', 'traces'] }));
    const server = t.serverOf({ pipeds });
    const shown = bearer(t.token());
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
    expect(await t.answerTo(signToken(t.stranger, claimsOf(t.issuer)), { pipeds })).toBe('signature_invalid');
    expect(await t.answerTo(t.token({ aud: 'x' }), { pipeds })).toBe('audience_mismatch');
  });

  it('is undecided while the records can not be had', async () => {
    expect(await t.answerTo(t.token(), { pipeds: silentPipeds, timeoutMs: 50 })).toBe('key_source_unavailable');
  });

  it.each([
    ['neither says', undefined, undefined, ['traces']],
    ['the token says', 'logs metrics', undefined, ['metrics', 'logs']],
    ['the record says', undefined, ['logs'], ['logs']],
    ['both say: no more than each', 'logs metrics', ['traces', 'logs'], ['logs']],
  ] as const)('where %s', async (_, scope, recordScopes, expected) => {
    const authenticator = oidc({
      issuer: t.issuer.url,
      audience,
      now,
      ...(scope && { claims: { scopes: { claim: 'scope' } } }),
      ...(recordScopes && { pipeds: memoryPipeds(recordOf({ scopes: recordScopes })) }),
    });
    const outcome = await authenticator.authenticate(bearer(t.token({ scope })), new AbortController().signal);
    expect(outcome).toMatchObject({ facts: { principal: { scopes: expected } } });
  });

  it('is nobody, where the token should say and does not', async () => {
    expect(await t.answerTo(t.token(), { claims: { scopes: { claim: 'scope' } } })).toBe('scope_denied');
  });

  it('is whoever shows the certificate that the token is bound to (RFC 8705 section 3.1)', async () => {
    const thumbprint = 'A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0';
    const shown = bearer(t.token({ cnf: { 'x5t#S256': thumbprint } }));
    const server = t.serverOf();
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
    const server = t.serverOf({ now: clock.now });
    const shown = bearer(t.token());
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
    const server = t.serverOf({ now: clock.now });
    const shown = bearer(t.token());
    expect(await codeOf(() => server.authenticate(shown))).toBe('allowed');
    clock.advance(-71_000);
    expect(await codeOf(() => server.authenticate(shown))).toBe('issued_in_future');
  });

  it('a key that the issuer withdraws ends what it signed, remembered or not', async () => {
    const clock = createTestClock();
    const server = t.serverOf({ clock: clock.now, keyMaxAgeMs: 10_000 });
    const shown = bearer(t.token());
    const answer = () => codeOf(() => server.authenticate(shown));
    expect(await answer()).toBe('allowed');
    t.issuer.keys = [];
    clock.advance(10_000);
    expect(await answer()).toBe('allowed');
    clock.advance(1);
    expect(await answer()).toBe('key_unknown');
  });

  it('an issuer that is down ends nothing for a while, and then makes the answer undecided', async () => {
    const clock = createTestClock();
    const server = t.serverOf({ clock: clock.now, keyMaxAgeMs: 10_000, keyMaxStaleMs: 20_000 });
    const shown = bearer(t.token());
    const answer = () => codeOf(() => server.authenticate(shown));
    expect(await answer()).toBe('allowed');
    t.issuer.answer = (_, response) => response.writeHead(503).end();
    clock.advance(10_001);
    expect(await answer()).toBe('allowed');
    clock.advance(10_000);
    expect(await answer()).toBe('key_source_unavailable');
    t.issuer.answer = undefined;
    clock.advance(5000);
    expect(await answer()).toBe('allowed');
  });

  it('an issuer that rotates its key is followed', async () => {
    const clock = createTestClock();
    const server = t.serverOf({ clock: clock.now });
    expect(await codeOf(() => server.authenticate(bearer(t.token())))).toBe('allowed');
    const next = await createIssuerKey('2026-02', 'RS256');
    t.issuer.keys = [t.key.jwk, next.jwk];
    clock.advance(30_000);
    expect(await codeOf(() => server.authenticate(bearer(signToken(next, claimsOf(t.issuer)))))).toBe('allowed');
    expect(await codeOf(() => server.authenticate(bearer(t.token())))).toBe('allowed');
  });

  it('an issuer that lies about itself is not believed', async () => {
    t.issuer.answer = (request, response) =>
      sendJson(
        response,
        request.url === '/keys'
          ? { keys: [t.key.jwk] }
          : { issuer: 'https://evil.example', jwks_uri: `${t.issuer.url}/keys` },
      );
    expect(await t.answerTo(t.token())).toBe('key_source_unavailable');
  });
});

it('stands beside the signed credentials, in either order', async () => {
  const piped = await createPiped();
  const own = pipedJwt({ keys: memoryKeys(new Map([[piped.kid, piped.record]])), now });
  const foreign = oidc({ issuer: t.issuer.url, audience, now });
  for (const authenticators of [
    [own, foreign],
    [foreign, own],
  ]) {
    const server = createServer({ authenticators });
    expect(await server.authenticate(bearer(await piped.sign()))).toMatchObject({ authenticator: 'piped-jwt' });
    expect(await server.authenticate(bearer(t.token()))).toMatchObject({ authenticator: 'oidc' });
    expect(await codeOf(() => server.authenticate(bearer(t.token({ aud: 'x' }))))).toBe('audience_mismatch');
  }
});

describe('the signatures that were looked at', () => {
  it('are told with what came of them, once each, and not where none was reached', async () => {
    const seen: string[] = [];
    const observer = { signature: (...result: [string, string]) => seen.push(result.join(' ')) };
    const server = createServer({ authenticators: [oidc({ issuer: t.issuer.url, audience, now })], now, observer });
    const codes: string[] = [];
    for (const token of [
      t.token(),
      t.token(),
      signToken(t.stranger, claimsOf(t.issuer)),
      t.token({ aud: 'x' }),
      t.token({}, { alg: 'none' }),
    ]) {
      codes.push(await codeOf(() => server.authenticate(bearer(token))));
    }
    expect(codes).toMatchObject(['allowed', 'allowed', 'signature_invalid', 'audience_mismatch', expect.any(String)]);
    expect(seen.slice(-2)).toEqual(['oidc invalid', 'oidc valid']);
    expect(new Set(seen.slice(0, -2))).toEqual(new Set(['oidc valid']));
  });
});

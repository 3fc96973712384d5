import { describe, expect, it } from 'vitest';
import { createClient } from './client.ts';
import { CLIENT_ERRORS } from './errors.ts';
import { exchangedSource } from './exchanged-source.ts';
import { writeKeyFile } from './key-file.ts';
import { createClock, createPiped, expectFailure, NOW_MS, secretsOf } from './testing/fixture.ts';
import { startIssuingPlane } from './testing/issuing-plane.ts';

async function fixture() {
  const clock = createClock();
  const plane = await startIssuingPlane(() => serverClock.ms);
  const serverClock = { ms: NOW_MS };
  const piped = await createPiped();
  const file = { ...piped.file, controlPlane: plane.url };
  await writeKeyFile(piped.keyFile, file, { overwrite: true });
  plane.records.set(piped.record.kid, piped.record);
  const pass = (ms: number) => {
    clock.ms += ms;
    serverClock.ms += ms;
  };
  const source = exchangedSource({ keyFile: piped.keyFile, now: clock.now, random: () => 0 });
  return { clock, serverClock, pass, plane, piped: { ...piped, file }, source };
}

describe('exchangedSource', () => {
  it('gets an access token for what the key signed, and hands it out until a third of its life remains', async () => {
    const { pass, plane, source } = await fixture();
    expect(await source.credential()).toBe('token-1');
    expect(source.state()).toEqual({ kind: 'fresh', expiresAtMs: NOW_MS + 300_000 });
    pass(199_000);
    expect(await source.credential()).toBe('token-1');
    pass(2_000);
    // Meanwhile the next one is fetched.
    expect(await source.credential()).toBe('token-1');
    await expect.poll(() => source.state().kind).toBe('fresh');
    expect(await source.credential()).toBe('token-2');
    expect([plane.requests.length, plane.discoveries]).toEqual([2, 1]);
  });

  it('asks once, however many wait', async () => {
    const { plane, source } = await fixture();
    const tokens = await Promise.all(Array.from({ length: 50 }, () => source.credential()));
    expect(new Set(tokens)).toEqual(new Set(['token-1']));
    expect([plane.requests.length, plane.discoveries]).toEqual([1, 1]);
  });

  it('gets another one after a refusal, each time with an assertion of its own', async () => {
    const { plane, source } = await fixture();
    source.invalidate(await source.credential());
    expect(await source.credential()).toBe('token-2');
    expect(plane.requests).toHaveLength(2);
  });

  it('signs with the key that the file holds then', async () => {
    const { plane, piped, source } = await fixture();
    const next = await createPiped();
    plane.records.set(next.record.kid, next.record);
    source.invalidate(await source.credential());
    await writeKeyFile(piped.keyFile, { ...next.file, controlPlane: plane.url }, { overwrite: true });
    await source.credential();
    expect(plane.requests.map(({ kid }) => kid)).toEqual([piped.record.kid, next.record.kid]);
  });

  it('asks for the scopes that it is told to', async () => {
    const { clock, plane, piped } = await fixture();
    await exchangedSource({ keyFile: piped.file, scopes: ['traces', 'logs'], now: clock.now }).credential();
    expect(plane.requests[0]?.scope).toBe('traces logs');
  });

  it('makes up for a clock that is wrong here, either way', async () => {
    for (const wrongByMs of [-3_600_000, 3_600_000]) {
      const { clock, plane, source, pass } = await fixture();
      clock.ms += wrongByMs;
      expect(await source.credential()).toBe('token-1');
      expect(source.state()).toEqual({ kind: 'fresh', expiresAtMs: clock.ms + 300_000 });
      pass(400_000);
      expect(await source.credential()).toBe('token-2');
      expect(plane.requests).toHaveLength(2);
    }
  });

  it.each([
    [401, { error: 'invalid_client', code: 'client_assertion_invalid' }, 'token_refused', 'client_assertion_invalid'],
    [400, { error: 'unauthorized_client', code: 'piped_disabled' }, 'token_forbidden', 'piped_disabled'],
    [400, { error: 'invalid_scope' }, 'token_refused', 'invalid_scope'],
    [429, { error: 'temporarily_unavailable', code: 'rate_limited' }, 'token_unavailable', 'rate_limited'],
    [503, { error: 'temporarily_unavailable', code: 'unavailable' }, 'token_unavailable', 'unavailable'],
    [502, '<html>', 'token_unavailable', 'unknown'],
  ] as const)('fails after %i %j, and recovers without a restart', async (status, body, code, problemCode) => {
    const { plane, piped, source } = await fixture();
    plane.answer = { status, body };
    const error = await expectFailure(
      source.credential(),
      code,
      new RegExp(`refused: ${problemCode} \\(${status}\\)`),
      secretsOf(piped),
    );
    expect(error).toMatchObject({ httpStatus: status, problemCode });
    plane.answer = undefined;
    expect(await source.credential()).toMatch(/^token-/);
  });

  it.each([
    ['no token', {}],
    ['a token of another kind', { access_token: 'x', token_type: 'DPoP', expires_in: 300 }],
    ['a token without an end', { access_token: 'x', token_type: 'Bearer' }],
    ['a token that has ended', { access_token: 'x', token_type: 'Bearer', expires_in: 0 }],
  ])('takes no answer with %s', async (_, body) => {
    const { plane, source } = await fixture();
    plane.answer = { status: 200, body };
    await expectFailure(source.credential(), 'control_plane_answer_invalid', /did not answer with an access token/);
  });

  it('signs nothing for an issuer other than the one that it was told of, nor sends it elsewhere', async () => {
    const { plane, source } = await fixture();
    plane.metadata = { issuer: 'https://real.example.org' };
    await expectFailure(source.credential(), 'control_plane_answer_invalid', /calls itself otherwise/);
    plane.metadata = { token_endpoint: 'https://elsewhere.example.org/oauth2/token' };
    await expectFailure(source.credential(), 'control_plane_answer_invalid', /token endpoint elsewhere/);
    plane.metadata = { token_endpoint: 'http://10.0.0.1/oauth2/token' };
    await expectFailure(source.credential(), 'plaintext_refused', /./);
    expect(plane.requests).toEqual([]);
  });

  it('is told of a control plane that is not there, and that was never asked over plaintext', async () => {
    const { piped, clock } = await fixture();
    const at = (controlPlane: string) => exchangedSource({ keyFile: { ...piped.file, controlPlane }, now: clock.now });
    await expectFailure(at('http://127.0.0.1:1').credential(), 'control_plane_unreachable', /can't be reached/);
    await expectFailure(at('http://10.0.0.1').credential(), 'plaintext_refused', /./);
  });

  it('signs nothing with a key that has ended', async () => {
    const { plane, clock, source } = await fixture();
    clock.ms += 400 * 86_400_000;
    await expectFailure(source.credential(), 'key_expired', /enroll again/);
    expect(plane.discoveries).toBe(0);
  });
});

describe('createClient with exchange', () => {
  it('attaches access tokens as it does passes', async () => {
    const { plane, piped, clock } = await fixture();
    await using pass = createClient({ keyFile: piped.keyFile, exchange: true, renewal: false, now: clock.now });
    expect(await pass.headers()).toEqual({ authorization: 'Bearer token-1' });
    const metadata = await pass
      .callCredentials()
      .generateMetadata({ method_name: 'x', service_url: 'http://127.0.0.1' });
    expect(metadata.get('authorization')).toEqual(['Bearer token-1']);
    const seen: unknown[] = [];
    const send = pass.fetch(async (_, init) => {
      seen.push(new Headers(init?.headers).get('authorization'));
      return new Response(null, { status: seen.length === 1 ? 401 : 200 });
    });
    expect((await send('http://127.0.0.1/v1/traces', { method: 'POST', body: '' })).status).toBe(200);
    expect(seen).toEqual(['Bearer token-1', 'Bearer token-2']);
    expect(plane.requests).toHaveLength(2);
  });

  it('fails calls with PERMISSION_DENIED while the piped is disabled', async () => {
    const { plane, piped, clock } = await fixture();
    plane.answer = { status: 400, body: { error: 'unauthorized_client', code: 'piped_disabled' } };
    await using pass = createClient({ keyFile: piped.file, exchange: {}, now: clock.now });
    const failure = pass.callCredentials().generateMetadata({ method_name: 'x', service_url: 'http://127.0.0.1' });
    await expect(failure).rejects.toMatchObject({ code: CLIENT_ERRORS.token_forbidden });
  });

  it('refuses options that make no sense', async () => {
    const { file: keyFile } = await createPiped();
    expect(() => createClient({ keyFile, exchange: true, lifetimeSeconds: 60 })).toThrow(/^lifetimeSeconds: /);
    expect(() => createClient({ keyFile, exchange: { issuer: 'here' } })).toThrow(/^issuer /);
    expect(() => createClient({ keyFile, exchange: { scopes: ['spans' as never] } })).toThrow(/^scopes /);
    expect(() => exchangedSource({ keyFile: '' })).toThrow(/^keyFile /);
  });
});

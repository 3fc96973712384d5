import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Refusal } from '../problems/refusal.ts';
import {
  sendJson,
  signIdToken,
  startTestProvider,
  type TestProvider,
} from '../testing/identity-provider.test.support.ts';
import { type Attempt, IdentityProvider, newAttempt } from './identity-provider.ts';
import { type SignInOptions, signInOptionsSchema } from './options.ts';

const BACK = 'http://127.0.0.1:9085/v1/session/oidc/callback';
const NOW = Date.UTC(2030, 0, 1);

let provider: TestProvider;
beforeEach(async () => {
  provider = await startTestProvider();
});
afterEach(() => provider[Symbol.asyncDispose]());

function subject(more: Partial<SignInOptions> = {}) {
  const clock = { ms: 0 };
  const settings = signInOptionsSchema.parse({
    issuer: provider.url,
    clientId: 'spanpass',
    timeoutMs: 5000,
    grants: [{ claim: 'groups', value: 'platform', role: 'owner' }],
    ...more,
  });
  return { idp: new IdentityProvider({ settings, now: () => NOW, clock: () => clock.ms }), clock };
}

const claimsFor = ({ nonce }: Attempt, changes: object = {}) => ({
  iss: provider.url,
  aud: 'spanpass',
  sub: 'u-1',
  nonce,
  iat: NOW / 1000,
  exp: NOW / 1000 + 300,
  groups: ['platform'],
  ...changes,
});
const redeem = (idp: IdentityProvider, attempt: Attempt) =>
  idp.redeem(new URLSearchParams({ code: 'c', state: attempt.state }), attempt, BACK);
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    error => (error instanceof Refusal ? error.code : error),
  );

describe('an identity provider', () => {
  it('is asked for its document and its keys once, however many people come', async () => {
    const { idp } = subject();
    const attempts = Array.from({ length: 10 }, newAttempt);
    await Promise.all(attempts.map(attempt => idp.authorizationUrl(attempt, BACK)));
    expect(provider.asked).toEqual(['/.well-known/openid-configuration']);
    provider.handlers['/token'] = (_, response, body) => {
      const verifier = new URLSearchParams(body).get('code_verifier');
      const attempt = attempts.find(({ codeVerifier }) => codeVerifier === verifier);
      const id_token = attempt && signIdToken(provider.key, claimsFor(attempt));
      sendJson(response, { access_token: 'a', token_type: 'Bearer', id_token });
    };
    const people = await Promise.all(attempts.map(attempt => redeem(idp, attempt)));
    expect(new Set(people.map(({ person }) => person.subject))).toEqual(new Set(['u-1']));
    expect(provider.asked.filter(path => path === '/keys')).toHaveLength(1);
  });

  it('may change its keys, which are looked for again, but not by each token with a made-up kid', async () => {
    const { idp, clock } = subject();
    const attempt = newAttempt();
    provider.idToken = () => signIdToken(provider.key, claimsFor(attempt));
    expect(await codeOf(redeem(idp, attempt))).toBe('done');
    provider.idToken = () => signIdToken(provider.key, claimsFor(attempt), { kid: 'k-2' });
    expect(await codeOf(redeem(idp, attempt))).toBe('identity_provider_unavailable');
    clock.ms += 30_000;
    expect(await codeOf(redeem(idp, attempt))).toBe('id_token_invalid');
    expect(await codeOf(redeem(idp, attempt))).toBe('id_token_invalid');
    expect(provider.asked.filter(path => path === '/keys')).toHaveLength(2);
  });

  it.each<[string, Record<string, unknown>]>([
    ['is of another issuer', { issuer: 'https://evil.example' }],
    ['sends browsers to what is no web page', { authorization_endpoint: 'ftp://evil.example/' }],
    ['names no token endpoint', { token_endpoint: undefined }],
    ['names no keys', { jwks_uri: undefined }],
  ])('is not believed where its document %s', async (_, discovery) => {
    provider.discovery = discovery;
    expect(await codeOf(subject().idp.authorizationUrl(newAttempt(), BACK))).toBe('identity_provider_unavailable');
  });

  it('is shown no code in plain text beyond loopback', async () => {
    provider.discovery = { token_endpoint: 'http://192.0.2.1/token' };
    const started = performance.now();
    expect(await codeOf(redeem(subject().idp, newAttempt()))).toBe('identity_provider_unavailable');
    expect(performance.now() - started).toBeLessThan(4000);
  });

  it('that is down is not asked again by each who comes', async () => {
    const { idp, clock } = subject();
    provider.handlers['/.well-known/openid-configuration'] = (_, response) => response.writeHead(500).end();
    const begin = () => codeOf(idp.authorizationUrl(newAttempt(), BACK));
    expect([await begin(), await begin()]).toEqual(Array(2).fill('identity_provider_unavailable'));
    expect(provider.asked).toHaveLength(1);
    provider.handlers = {};
    clock.ms += 2000;
    expect(await begin()).toBe('done');
  });

  it('lets nobody in while its keys are out of reach', async () => {
    provider.handlers['/keys'] = (_, response) => response.writeHead(503).end();
    const attempt = newAttempt();
    provider.idToken = () => signIdToken(provider.key, claimsFor(attempt));
    expect(await codeOf(redeem(subject().idp, attempt))).toBe('identity_provider_unavailable');
  });

  it('is asked for claims that are not in the ID token, of the same person only', async () => {
    const { idp } = subject({ userInfo: true });
    const attempt = newAttempt();
    provider.idToken = () => signIdToken(provider.key, claimsFor(attempt, { groups: undefined }));
    provider.userInfo = { sub: 'u-1', groups: ['platform'], email: 'ada@example.org', email_verified: true };
    expect(await redeem(idp, attempt)).toEqual({
      person: { issuer: provider.url, subject: 'u-1', email: 'ada@example.org' },
      grant: { role: 'owner', projects: 'all' },
    });
    provider.userInfo = { sub: 'u-2', groups: ['platform'] };
    expect(await codeOf(redeem(idp, attempt))).toBe('identity_provider_unavailable');
  });

  it('takes a public client, whose code its verifier protects', async () => {
    const attempt = newAttempt();
    provider.idToken = () => signIdToken(provider.key, claimsFor(attempt));
    expect(await codeOf(redeem(subject().idp, attempt))).toBe('done');
    expect(provider.exchanged.authorization).toBeUndefined();
    expect(provider.exchanged.form.get('client_id')).toBe('spanpass');
  });
});

describe('the options of a sign-in', () => {
  const good = { issuer: 'https://login.example.org', clientId: 'spanpass' };
  const grant = { claim: 'groups', value: 'platform', role: 'owner' };
  it.each<[string, object]>([
    ['say who may do what', { ...good, grants: [] }],
    ['lead to no plain text beyond loopback', { ...good, issuer: 'http://login.example.org', grants: [grant] }],
    ['bind a project-admin', { ...good, grants: [{ ...grant, role: 'project-admin' }] }],
    ['bind no owner', { ...good, grants: [{ ...grant, projects: ['shop'] }] }],
    ['make nobody an auth server', { ...good, grants: [{ ...grant, role: 'auth-server' }] }],
    ['bind one way', { ...good, grants: [{ ...grant, role: 'viewer', projects: ['a'], projectsClaim: 'b' }] }],
    ['bound the life of a session', { ...good, grants: [grant], sessionLifeSeconds: 43_201 }],
  ])('%s', (_, options) => {
    expect(signInOptionsSchema.safeParse({ ...good, grants: [grant] }).success).toBe(true);
    expect(signInOptionsSchema.safeParse(options).success).toBe(false);
  });
});

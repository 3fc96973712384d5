import { createKeyPair } from '@spanpass/credential';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ControlPlaneClient } from '../api-client/index.ts';
import { verifyAuditChain } from '../audit/verify-chain.ts';
import type { ControlPlaneOptions } from '../options.ts';
import type { SignInOptions } from '../sign-in/options.ts';
import { EMBEDDED } from '../testing/databases.test.support.ts';
import {
  beginSignIn,
  browse,
  challengeOf,
  macIdToken,
  type Sent,
  sendJson,
  signIdToken,
  startTestProvider,
  type TestProvider,
  unsignedIdToken,
} from '../testing/identity-provider.test.support.ts';
import { ADMIN_TOKEN, startPlaneOn, type TestPlane } from '../testing/plane.test.support.ts';
import type { AuditRow } from '../wire/audit.ts';

const SECRET = 'client-secret-of-the-tests';
const MARK = { 'x-spanpass-console': '1' };
const RATES = { enrollRate: { burst: 10_000, perSecond: 1000 } };

const settings = (provider: TestProvider, more: Partial<SignInOptions> = {}): ControlPlaneOptions => ({
  ...RATES,
  oidc: {
    issuer: provider.url,
    clientId: 'spanpass',
    clientSecret: SECRET,
    name: 'Example login',
    timeoutMs: 300,
    grants: [
      { claim: 'groups', value: 'platform', role: 'owner' },
      { claim: 'groups', value: 'shop-admins', role: 'project-admin', projects: ['shop'] },
      { claim: 'email', value: 'eve@example.org', role: 'viewer' },
      { claim: ['realm', 'roles'], value: 'reader', role: 'viewer', projectsClaim: 'projects' },
    ],
    ...more,
  },
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const cookieOf = ({ cookies }: Sent) => `spanpass-session=${cookies['spanpass-session']}`;
const refusalOf = ({ status, location, cookies }: Sent) => {
  expect({ status, session: cookies['spanpass-session'] }).toEqual({ status: 303, session: undefined });
  return /^\/\?refused=([a-z_]+)$/.exec(location)?.[1];
};

describe('sign-in at an identity provider', () => {
  let provider: TestProvider;
  let database: Awaited<ReturnType<typeof EMBEDDED.create>>;
  let test: TestPlane;

  beforeAll(async () => {
    provider = await startTestProvider();
    database = await EMBEDDED.create();
    test = await startPlaneOn({ ...database.options, ...settings(provider) });
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    await provider[Symbol.asyncDispose]();
  });
  afterEach(() => {
    provider.handlers = {};
  });

  const as = (method: string, path: string, cookie: string, body?: unknown) =>
    test.call(method, path, { token: null, headers: { cookie, ...MARK }, ...(body !== undefined && { body }) });
  const signIn = async (claims: Record<string, unknown> = {}) => {
    const begun = await beginSignIn(test, provider);
    provider.idToken = () => signIdToken(provider.key, begun.claims(claims));
    return begun.back();
  };

  it('is offered by its name, to people who are not signed in yet', async () => {
    const { body } = await test.call('GET', '/v1/sign-in', { token: null });
    expect(body).toEqual({ oidc: { name: 'Example login' } });
  });

  it('sends the browser there with all that a code can be bound to, and keeps it in a cookie for the way back', async () => {
    const sent = await browse(`${test.url}/v1/session/oidc`);
    expect(sent.status).toBe(303);
    const url = new URL(sent.location);
    expect(url.origin + url.pathname).toBe(`${provider.url}/authorize`);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      response_type: 'code',
      client_id: 'spanpass',
      redirect_uri: `${test.url}/v1/session/oidc/callback`,
      scope: 'openid email profile',
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    expect(sent.setCookies).toEqual([
      expect.stringMatching(/^spanpass-sign-in=[\w.-]+; Max-Age=600; HttpOnly; SameSite=Lax; Path=\/$/),
    ]);
    for (const secret of [url.searchParams.get('nonce') ?? '', url.searchParams.get('state') ?? ''])
      expect(sent.setCookies[0]).not.toContain(secret);
  });

  it('gives the person who comes back a session that is Strict, with the role that his claims give him', async () => {
    const begun = await beginSignIn(test, provider);
    const sent = await begun.back();
    expect(sent).toMatchObject({ status: 303, location: '/' });
    expect(sent.setCookies).toEqual([
      'spanpass-sign-in=; Max-Age=0; HttpOnly; SameSite=Lax; Path=/',
      expect.stringMatching(/^spanpass-session=[\w-]{43}; Max-Age=28800; HttpOnly; SameSite=Strict; Path=\/$/),
    ]);
    const { form, authorization } = provider.exchanged;
    expect(challengeOf(form.get('code_verifier') ?? '')).toBe(begun.parameters.get('code_challenge'));
    expect(form.get('redirect_uri')).toBe(`${test.url}/v1/session/oidc/callback`);
    const [id, secret] = Buffer.from(authorization?.replace('Basic ', '') ?? '', 'base64')
      .toString()
      .split(':');
    expect([id, decodeURIComponent(secret ?? '')]).toEqual(['spanpass', SECRET]);

    const cookie = cookieOf(sent);
    const person = { issuer: provider.url, subject: 'u-1', email: 'ada@example.org' };
    const session = await as('GET', '/v1/session', cookie);
    expect(session.body).toEqual({ role: 'project-admin', projects: ['shop'], person, expiresAt: expect.any(Number) });

    expect((await as('POST', '/v1/projects/shop/pipeds', cookie, { piped: 'edge-1' })).status).toBe(201);
    for (const [method, path] of [
      ['POST', '/v1/projects/bank/pipeds'],
      ['POST', '/v1/projects'],
      ['GET', '/v1/tokens'],
    ] as const) {
      expect(await as(method, path, cookie)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    }
    expect((await as('DELETE', '/v1/session', cookie)).status).toBe(200);
    expect((await as('GET', '/v1/session', cookie)).status).toBe(401);

    const { items } = (await test.call('GET', '/v1/audit?order=newest&limit=6')).body;
    const byHim = items.filter(({ actor }: { actor: object }) => 'person' in actor);
    expect(byHim.map(({ action, actor }: { action: string; actor: unknown }) => [action, actor])).toEqual([
      ['session.ended', { role: 'project-admin', person, peerAddress: '127.0.0.1' }],
      ['enrollment_token.created', { role: 'project-admin', person, peerAddress: '127.0.0.1' }],
      ['piped.registered', { role: 'project-admin', person, peerAddress: '127.0.0.1' }],
      ['project.created', { role: 'project-admin', person, peerAddress: '127.0.0.1' }],
      ['session.started', { role: 'project-admin', person, peerAddress: '127.0.0.1' }],
    ]);
  });

  it('is chained into the audit with his name, which nobody can change unseen', async () => {
    const { audit } = new ControlPlaneClient({ url: test.url, token: ADMIN_TOKEN });
    const rows = (await collect(audit.rows())) as AuditRow[];
    const head = await audit.head();
    expect(await verifyAuditChain(rows, [head])).toMatchObject({ intact: true, rows: head.seq });
    const at = rows.findIndex(({ actor }) => actor.person !== undefined);
    const row = rows[at];
    for (const person of [{ ...row?.actor.person, email: 'eve@example.org' }, undefined]) {
      const changed = rows.map((one, place) => (place === at ? { ...one, actor: { ...one.actor, person } } : one));
      expect(await verifyAuditChain(changed, [head])).toMatchObject({ intact: false, fault: 'changed', seq: at + 1 });
    }
  });

  it('brings him to the page that he was on, and to no other site', async () => {
    const begun = await beginSignIn(test, provider, '/pipeds/shop/edge-1');
    expect((await begun.back()).location).toBe('/#/pipeds/shop/edge-1');
    for (const to of [
      'https://evil.example',
      '//evil.example/',
      '/\\evil.example',
      'evil',
      '/a b',
      '/%0d%0aset-cookie:x',
    ]) {
      const sent = await browse(`${test.url}/v1/session/oidc?${new URLSearchParams({ to })}`);
      if (sent.status === 303) {
        const waiting = await beginSignIn(test, provider, encodeURIComponent(to));
        expect(new URL((await waiting.back()).location, test.url).origin).toBe(test.url);
      } else expect(sent).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    }
  });

  it('takes the cookie to the host that the browser comes back to, once', async () => {
    const { port } = new URL(test.url);
    const elsewhere = `http://localhost:${port}/v1/session/oidc`;
    const sent = await browse(`${elsewhere}?to=/audit`);
    expect(sent).toMatchObject({
      status: 303,
      location: `${test.url}/v1/session/oidc?to=%2Faudit&here=1`,
      setCookies: [],
    });
    expect((await browse(`${elsewhere}?here=1`)).location).toMatch(provider.url);
  });

  describe.each<
    [code: string, cases: [string, (begun: Awaited<ReturnType<typeof beginSignIn>>) => Promise<Sent> | Sent][]]
  >([
    [
      'sign_in_state_invalid',
      [
        ['without the cookie', begun => begun.back({}, '')],
        ['with a state that was made up', begun => begun.back({ state: 'A'.repeat(43) })],
        [
          'with a cookie that was changed',
          begun =>
            begun.back(
              {},
              begun.cookie.replace(/\.(?=[^.]*$)./, first => (first === '.A' ? '.B' : '.A')),
            ),
        ],
        ["with another browser's cookie", async begun => begun.back({}, (await beginSignIn(test, provider)).cookie)],
        [
          'a second time',
          async begun => {
            expect((await begun.back()).location).toBe('/');
            return begun.back();
          },
        ],
        [
          'a second time, after it was refused',
          async begun => {
            expect(refusalOf(await begun.back({ error: 'access_denied' }))).toBe('sign_in_denied');
            return begun.back();
          },
        ],
        [
          'too late',
          begun => {
            test.clock.now += 600_000;
            return begun.back();
          },
        ],
      ],
    ],
    [
      'sign_in_issuer_mismatch',
      [
        ['in the name of another issuer (RFC 9207)', begun => begun.back({ iss: 'https://evil.example' })],
        ["with another issuer's ID token", begun => withClaims(begun, { iss: 'https://evil.example' })],
      ],
    ],
    [
      'sign_in_denied',
      [
        ['denied', begun => begun.back({ error: 'access_denied', error_description: '<script>' })],
        [
          'with a code that the provider does not know',
          begun => {
            provider.handlers['/token'] = (_, response) => sendJson(response, { error: 'invalid_grant' }, 400);
            return begun.back();
          },
        ],
      ],
    ],
    [
      'id_token_invalid',
      [
        ['with another nonce', begun => withClaims(begun, { nonce: 'n-2' })],
        ['without a nonce', begun => withClaims(begun, { nonce: undefined })],
        ['for another client', begun => withClaims(begun, { aud: 'grafana' })],
        ['for several clients, without saying who asked', begun => withClaims(begun, { aud: ['spanpass', 'grafana'] })],
        ['that another client asked for', begun => withClaims(begun, { aud: ['spanpass', 'grafana'], azp: 'grafana' })],
        ['without a subject', begun => withClaims(begun, { sub: undefined })],
        ['with a subject beyond bounds', begun => withClaims(begun, { sub: 'u'.repeat(256) })],
        ['expired', begun => withClaims(begun, { exp: test.clock.now / 1000 - 61 })],
        ['from the future', begun => withClaims(begun, { iat: test.clock.now / 1000 + 61 })],
        ['that lives too long', begun => withClaims(begun, { exp: test.clock.now / 1000 + 86_401 })],
        ['that is an access token', begun => withHeader(begun, { typ: 'at+jwt' })],
        ['with a key of its own in the header', begun => withHeader(begun, { jwk: provider.key.publicJwk })],
        [
          'signed by somebody else',
          async begun => withToken(begun, signIdToken(await createKeyPair(), begun.claims())),
        ],
        ['not signed (none)', begun => withToken(begun, unsignedIdToken(begun.claims()))],
        ['not signed, with something in its place', begun => withToken(begun, unsignedIdToken(begun.claims(), 'AAAA'))],
        ['signed with the client secret (HS256)', begun => withToken(begun, macIdToken(SECRET, begun.claims()))],
        [
          'signed with the public key as a secret (HS256)',
          begun => withToken(begun, macIdToken(JSON.stringify(provider.key.publicJwk), begun.claims())),
        ],
        ['longer than 8 KiB', begun => withClaims(begun, { more: 'x'.repeat(9000) })],
        ['that is no token', begun => withToken(begun, 'x')],
        [
          'missing',
          begun => {
            provider.idToken = undefined;
            return begun.back();
          },
        ],
      ],
    ],
    [
      'email_unverified',
      [
        ['not verified', begun => withClaims(begun, { groups: [], email: 'eve@example.org', email_verified: false })],
        [
          'not said to be verified',
          begun => withClaims(begun, { groups: [], email: 'eve@example.org', email_verified: undefined }),
        ],
        [
          'verified in words only',
          begun => withClaims(begun, { groups: [], email: 'eve@example.org', email_verified: 'true' }),
        ],
      ],
    ],
    [
      'role_missing',
      [
        ['in no group', begun => withClaims(begun, { groups: [] })],
        ['in other groups', begun => withClaims(begun, { groups: ['shop', 'platform '] })],
        [
          'whose role leaves no project',
          begun => withClaims(begun, { groups: [], realm: { roles: ['reader'] }, projects: ['../etc'] }),
        ],
      ],
    ],
    [
      'identity_provider_unavailable',
      [
        ['which is in trouble', begun => begun.back({ error: 'temporarily_unavailable' })],
        [
          'which does not take the client',
          begun => {
            provider.handlers['/token'] = (_, response) => sendJson(response, { error: 'invalid_client' }, 401);
            return begun.back();
          },
        ],
        [
          'which fails',
          begun => {
            provider.handlers['/token'] = (_, response) => response.writeHead(500).end('oops');
            return begun.back();
          },
        ],
        [
          'which sends on to elsewhere',
          begun => {
            provider.handlers['/token'] = (_, response) =>
              response.writeHead(307, { location: `${provider.url}/elsewhere` }).end();
            return begun.back();
          },
        ],
        [
          'which takes too long',
          begun => {
            provider.handlers['/token'] = () => {};
            return begun.back();
          },
        ],
        [
          'which answers without an end',
          begun => {
            provider.handlers['/token'] = (_, response) => sendJson(response, { access_token: 'x'.repeat(300_000) });
            return begun.back();
          },
        ],
      ],
    ],
  ])('%s is what the console is told of somebody who comes back', (code, cases) => {
    it.each(cases)('%s', async (_, comeBack) => {
      const begun = await beginSignIn(test, provider);
      expect(refusalOf(await comeBack(begun))).toBe(code);
    });
  });

  const withToken = (begun: Awaited<ReturnType<typeof beginSignIn>>, token: string) => {
    provider.idToken = () => token;
    return begun.back();
  };
  const withClaims = (begun: Awaited<ReturnType<typeof beginSignIn>>, claims: Record<string, unknown>) =>
    withToken(begun, signIdToken(provider.key, begun.claims(claims)));
  const withHeader = (begun: Awaited<ReturnType<typeof beginSignIn>>, header: Record<string, unknown>) =>
    withToken(begun, signIdToken(provider.key, begun.claims(), header));

  it('gives the highest of his roles, for the projects of all rules that give it', async () => {
    const roleOf = async (claims: Record<string, unknown>) => {
      const { body } = await as('GET', '/v1/session', cookieOf(await signIn(claims)));
      return [body.role, body.projects, body.person.email];
    };
    expect(await roleOf({ groups: ['shop-admins', 'platform'] })).toEqual(['owner', undefined, 'ada@example.org']);
    expect(await roleOf({ groups: [], email: 'eve@example.org' })).toEqual(['viewer', undefined, 'eve@example.org']);
    const reader = {
      groups: [],
      realm: { roles: ['reader'] },
      projects: ['shop', 'bank', 'shop'],
      email_verified: false,
    };
    expect(await roleOf(reader)).toEqual(['viewer', ['shop', 'bank'], undefined]);
  });

  it('ends when its time is over', async () => {
    const cookie = cookieOf(await signIn());
    test.clock.now += 28_800_000 - 1;
    expect((await as('GET', '/v1/session', cookie)).status).toBe(200);
    test.clock.now += 1;
    expect((await as('GET', '/v1/session', cookie)).status).toBe(401);
  });

  it('lets nothing secret reach the log', async () => {
    const text = test.log.text;
    expect(text).toContain('a sign-in was refused');
    for (const secret of [
      SECRET,
      'secret-access-token',
      'ada@example.org',
      provider.exchanged.form.get('code_verifier'),
    ])
      expect(text).not.toContain(secret);
    expect(text).not.toMatch(/eyJ[\w-]+\.eyJ/);
  });

  it('does not outlive the rules that it was granted by', async () => {
    const cookie = cookieOf(await signIn());
    expect((await as('GET', '/v1/session', cookie)).status).toBe(200);
    await test.plane.close();
    const grants = [{ claim: 'groups', value: 'shop-admins', role: 'viewer' } as const];
    await using anew = await startPlaneOn({ ...database.options, ...settings(provider, { grants }) });
    anew.clock.now = test.clock.now;
    const session = await anew.call('GET', '/v1/session', { token: null, headers: { cookie } });
    expect(session).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
  });
});

import { createHash, createHmac, createPrivateKey, sign } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createKeyPair, type KeyPair } from '@spanpass/credential';
import type { Json, TestPlane } from './plane.test.support.ts';

export type Handler = (request: http.IncomingMessage, response: http.ServerResponse, body: string) => void;

/** An OpenID Connect provider on loopback, which lies as the test says. */
export interface TestProvider extends AsyncDisposable {
  readonly url: string;
  /** Paths that were asked for. */
  readonly asked: string[];
  /** The last request to the token endpoint. */
  readonly exchanged: { authorization?: string | undefined; form: URLSearchParams };
  readonly key: KeyPair;
  /** Members of the discovery document, besides or in place of the usual ones. */
  discovery: Record<string, unknown>;
  /** Instead of the usual answers, by path. */
  handlers: Record<string, Handler>;
  /** What the token endpoint gives. */
  idToken: (() => string) | undefined;
  userInfo: Record<string, unknown>;
}

export async function startTestProvider(): Promise<TestProvider> {
  const key = await createKeyPair('ES256');
  const server = http.createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', provider.url).pathname;
    provider.asked.push(path);
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const handler = provider.handlers[path];
    if (handler) return handler(request, response, body);
    if (path === '/.well-known/openid-configuration') {
      return sendJson(response, {
        issuer: provider.url,
        authorization_endpoint: `${provider.url}/authorize`,
        token_endpoint: `${provider.url}/token`,
        userinfo_endpoint: `${provider.url}/userinfo`,
        jwks_uri: `${provider.url}/keys`,
        // What it says that it signs with is not what is believed.
        id_token_signing_alg_values_supported: ['ES256', 'HS256', 'none'],
        ...provider.discovery,
      });
    }
    if (path === '/keys')
      return sendJson(response, { keys: [{ ...key.publicJwk, kid: 'k-1', use: 'sig', alg: 'ES256' }] });
    if (path === '/userinfo') return sendJson(response, provider.userInfo);
    if (path === '/token') {
      provider.exchanged.authorization = request.headers.authorization;
      provider.exchanged.form = new URLSearchParams(body);
      return sendJson(response, {
        access_token: 'secret-access-token',
        token_type: 'Bearer',
        expires_in: 60,
        id_token: provider.idToken?.(),
      });
    }
    response.writeHead(404).end();
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const provider: TestProvider = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    exchanged: { form: new URLSearchParams() },
    key,
    discovery: {},
    handlers: {},
    idToken: undefined,
    userInfo: {},
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
  return provider;
}

export function sendJson(response: http.ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');

export function signIdToken({ privateJwk }: KeyPair, claims: object, header: Record<string, unknown> = {}): string {
  const input = `${encode({ alg: 'ES256', kid: 'k-1', typ: 'JWT', ...header })}.${encode(claims)}`;
  const key = createPrivateKey({ format: 'jwk', key: privateJwk });
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

/** Signed with a secret that both sides could know. */
export function macIdToken(secret: string, claims: object): string {
  const input = `${encode({ alg: 'HS256', kid: 'k-1', typ: 'JWT' })}.${encode(claims)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

export function unsignedIdToken(claims: object, signature = ''): string {
  return `${encode({ alg: 'none', kid: 'k-1', typ: 'JWT' })}.${encode(claims)}.${signature}`;
}

/** Where a browser was sent, and the cookies that it was given. */
export interface Sent {
  readonly status: number;
  readonly location: string;
  readonly cookies: Readonly<Record<string, string>>;
  readonly setCookies: readonly string[];
  readonly body: Json;
}

export async function browse(url: string, headers: Record<string, string> = {}): Promise<Sent> {
  const response = await fetch(url, { redirect: 'manual', headers });
  const setCookies = response.headers.getSetCookie();
  const pairs = setCookies.map(cookie => cookie.split(';')[0]?.split('=') ?? []);
  const text = await response.text();
  return {
    status: response.status,
    location: response.headers.get('location') ?? '',
    cookies: Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value])),
    setCookies,
    body: text.startsWith('{') ? JSON.parse(text) : text,
  };
}

/** A sign-in that waits at the provider. */
export interface Begun {
  readonly parameters: URLSearchParams;
  readonly cookie: string;
  /** Claims of an ID token that would do. */
  claims(changes?: Record<string, unknown>): Record<string, unknown>;
  /** Comes back, with these parameters changed. */
  back(changes?: Record<string, string>, cookie?: string): Promise<Sent>;
}

export async function beginSignIn(test: TestPlane, provider: TestProvider, to?: string): Promise<Begun> {
  const sent = await browse(`${test.url}/v1/session/oidc${to === undefined ? '' : `?to=${to}`}`);
  if (!sent.location.startsWith(provider.url))
    throw new Error(`sent to ${sent.location}: ${JSON.stringify(sent.body)}`);
  const parameters = new URL(sent.location).searchParams;
  const cookie = `spanpass-sign-in=${sent.cookies['spanpass-sign-in']}`;
  const begun: Begun = {
    parameters,
    cookie,
    claims: (changes = {}) => ({
      iss: provider.url,
      aud: parameters.get('client_id'),
      sub: 'u-1',
      nonce: parameters.get('nonce'),
      iat: test.clock.now / 1000,
      exp: test.clock.now / 1000 + 300,
      email: 'ada@example.org',
      email_verified: true,
      groups: ['shop-admins'],
      ...changes,
    }),
    back(changes = {}, sentCookie = cookie) {
      const answer = new URLSearchParams({ code: 'c-1', state: parameters.get('state') ?? '', ...changes });
      return browse(`${test.url}/v1/session/oidc/callback?${answer}`, { cookie: sentCookie });
    },
  };
  provider.idToken = () => signIdToken(provider.key, begun.claims());
  return begun;
}

export function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}

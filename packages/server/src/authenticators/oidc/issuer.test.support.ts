import { execFileSync } from 'node:child_process';
import { constants, createPrivateKey, sign as signBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Algorithm, createKeyPair, type KeyPair } from '@spanpass/credential';
import { NOW_SECONDS } from '../../fixture.test.support.ts';

const AUDIENCE = 'spanpass-gateway';

export type Answer = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** An OpenID Connect issuer on loopback, which does as the test says. */
export interface TestIssuer extends AsyncDisposable {
  readonly url: string;
  /** Paths that were asked for, in their order. */
  readonly asked: string[];
  /** What the JWK set holds. */
  keys: Record<string, unknown>[];
  /** In place of the usual answers. */
  answer: Answer | undefined;
  readonly ca?: string;
}

export async function startIssuer({ tls = false } = {}): Promise<TestIssuer> {
  const certificate = tls ? selfSigned() : undefined;
  const handle: Answer = (request, response) => {
    issuer.asked.push(request.url ?? '');
    if (issuer.answer) return issuer.answer(request, response);
    if (request.url === '/.well-known/openid-configuration') {
      return sendJson(response, { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` });
    }
    if (request.url === '/keys') return sendJson(response, { keys: issuer.keys });
    response.writeHead(404).end();
  };
  const server = certificate ? https.createServer(certificate, handle) : http.createServer(handle);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const issuer: TestIssuer = {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    asked: [],
    keys: [],
    answer: undefined,
    ...(certificate && { ca: certificate.cert }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
  return issuer;
}

export function sendJson(response: http.ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json');
  response.end(typeof value === 'string' ? value : JSON.stringify(value));
}

/** A key of an issuer, with a kid such as issuers choose. */
export interface IssuerKeyPair extends KeyPair {
  readonly jwk: Record<string, unknown>;
}

export async function createIssuerKey(kid: string, alg: Algorithm = 'ES256'): Promise<IssuerKeyPair> {
  const pair = await createKeyPair(alg);
  return { ...pair, kid, jwk: { ...pair.publicJwk, kid, use: 'sig', alg } };
}

export function claimsOf(issuer: { readonly url: string }, changes: Record<string, unknown> = {}) {
  return {
    iss: issuer.url,
    aud: AUDIENCE,
    sub: 'edge-1',
    project: 'shop',
    iat: NOW_SECONDS - 10,
    exp: NOW_SECONDS + 300,
    ...changes,
  };
}

/** Signs whatever it is given, objects or texts: what whoever holds the key could send. */
export function signToken(
  { alg, kid, privateJwk }: KeyPair,
  claims: object | string,
  header: Record<string, unknown> | string = {},
): string {
  const encode = (part: object | string) =>
    Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
  const whole = typeof header === 'string' ? header : { alg, kid, typ: 'JWT', ...header };
  const input = `${encode(whole)}.${encode(claims)}`;
  const key = createPrivateKey({ format: 'jwk', key: privateJwk });
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  const signature = signBytes(alg === 'EdDSA' ? null : 'sha256', Buffer.from(input), {
    key,
    dsaEncoding: 'ieee-p1363',
    ...(alg === 'PS256' && pss),
  });
  return `${input}.${signature.toString('base64url')}`;
}

function selfSigned(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'spanpass-issuer-'));
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    const names = ['-subj', '/CN=issuer', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert];
    execFileSync('openssl', [...made, ...names], { stdio: 'ignore', timeout: 20_000 });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

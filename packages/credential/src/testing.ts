import { type CryptoKey, importJWK, SignJWT } from 'jose';
import { createKeyPair, type KeyPair } from './key-pair.ts';
import type { KeyRecord } from './key-record.ts';
import { importSigningKey, type SigningKey } from './sign.ts';

export const NOW_SECONDS = 1_790_000_000;
export const now = () => NOW_SECONDS * 1000;

export interface Fixture {
  readonly pair: KeyPair;
  readonly key: SigningKey;
  readonly record: KeyRecord;
}

/** A key of the piped `edge-1` in the project `shop`, and the control plane's record of it. */
export async function createFixture(alg: KeyRecord['alg'] = 'ES256'): Promise<Fixture> {
  const pair = await createKeyPair(alg);
  const owner = { kid: pair.kid, alg, project: 'shop', piped: 'edge-1' };
  const record: KeyRecord = {
    ...owner,
    v: 1,
    publicJwk: pair.publicJwk,
    scopes: ['traces'],
    keyStatus: 'active',
    pipedStatus: 'active',
    projectStatus: 'active',
    notBefore: NOW_SECONDS - 3600,
    notAfter: NOW_SECONDS + 3600,
    revision: 7,
  };
  return { pair, record, key: await importSigningKey({ ...owner, privateJwk: pair.privateJwk }) };
}

export const goodClaims = {
  iss: 'edge-1',
  sub: 'edge-1',
  aud: 'spanpass-gateway',
  project: 'shop',
  iat: NOW_SECONDS,
  exp: NOW_SECONDS + 300,
  jti: '1f0c9c0e-4f0b-4f7e-9d3c-000000000000',
};

/** Signs whatever it is given: what an attacker who holds a key could send. */
export async function signAnything(
  pair: KeyPair,
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
): Promise<string> {
  const key = (await importJWK(pair.privateJwk, pair.alg)) as CryptoKey;
  return new SignJWT(claims)
    .setProtectedHeader({ alg: pair.alg, kid: pair.kid, typ: 'piped+jwt', ...header })
    .sign(key);
}

/** The same over JSON texts, so that what no object can say (members named twice, 1e400) can be signed too. */
export async function signTexts(pair: KeyPair, header: string, claims: string): Promise<string> {
  const input = `${Buffer.from(header).toString('base64url')}.${Buffer.from(claims).toString('base64url')}`;
  const key = await crypto.subtle.importKey('jwk', pair.privateJwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, [
    'sign',
  ]);
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, Buffer.from(input));
  return `${input}.${Buffer.from(signature).toString('base64url')}`;
}

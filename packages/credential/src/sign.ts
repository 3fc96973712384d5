import { type CryptoKey, importJWK, SignJWT } from 'jose';
import type { Algorithm } from './algorithms.ts';
import type { KeyFile } from './key-file.ts';
import { PURPOSES, type Purpose } from './purposes.ts';

/** A key that can sign: the parts of a key file that go into a credential, and the key itself. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: Algorithm;
  readonly project: string;
  readonly piped: string;
  readonly privateKey: CryptoKey;
}

export interface SignOptions {
  readonly purpose: Purpose;
  /** The one door that the credential opens: the gateway's id, the renewal URL, or the issuer. */
  readonly audience: string;
  /** Default and maximum are the purpose's: 300 (at most 900) s to the gateway, 60 s else. */
  readonly lifetimeSeconds?: number;
  /** For `renewal`: base64url SHA-256 of the request's body. */
  readonly bodyHash?: string;
  /** Certificate that the credential is bound to: base64url SHA-256 of its DER (`cnf` `x5t#S256`, RFC 8705). */
  readonly certificateThumbprint?: string;
  /** Clock, in milliseconds. Default `Date.now`. */
  readonly now?: () => number;
}

/** Makes a key file ready to sign. The private key can't be exported from what is returned. */
export async function importSigningKey(
  file: Pick<KeyFile, 'kid' | 'alg' | 'project' | 'piped' | 'privateJwk'>,
): Promise<SigningKey> {
  const { kid, alg, project, piped } = file;
  const privateKey = await importJWK(file.privateJwk, alg, { extractable: false });
  return Object.freeze({ kid, alg, project, piped, privateKey: privateKey as CryptoKey });
}

/**
 * Signs a credential: a compact JWS (RFC 7515) with the claims `iss sub aud project iat exp jti` (RFC 7519).
 *
 * @throws TypeError if the lifetime or the body's hash does not fit the purpose
 * @example
 * const token = await signCredential(key, { purpose: 'gateway', audience: 'spanpass-gateway' });
 */
export async function signCredential(key: SigningKey, options: SignOptions): Promise<string> {
  const purpose = PURPOSES[options.purpose];
  const lifetimeSeconds = options.lifetimeSeconds ?? purpose.defaultLifeSeconds;
  if (!Number.isInteger(lifetimeSeconds) || lifetimeSeconds < 1 || lifetimeSeconds > purpose.maxLifeSeconds) {
    throw new TypeError(`lifetimeSeconds must be a whole number from 1 to ${purpose.maxLifeSeconds}`);
  }
  if (options.audience === '') throw new TypeError('audience must not be empty');
  if (purpose.bindsBody !== (options.bodyHash !== undefined)) {
    throw new TypeError(`bodyHash ${purpose.bindsBody ? 'is required' : 'has no meaning'} for ${options.purpose}`);
  }
  const iat = Math.floor((options.now ?? Date.now)() / 1000);
  const claims = {
    iss: key.piped,
    sub: key.piped,
    aud: options.audience,
    project: key.project,
    iat,
    exp: iat + lifetimeSeconds,
    jti: crypto.randomUUID(),
    ...(options.bodyHash !== undefined && { body_hash: options.bodyHash }),
    ...(options.certificateThumbprint !== undefined && { cnf: { 'x5t#S256': options.certificateThumbprint } }),
  };
  return new SignJWT(claims).setProtectedHeader({ alg: key.alg, kid: key.kid, typ: purpose.typ }).sign(key.privateKey);
}

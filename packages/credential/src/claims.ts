import type { UnverifiedCredential } from './compact.ts';
import { CredentialError } from './errors.ts';
import { isId } from './ids.ts';

/** The claims of a credential (RFC 7519 section 4.1). Times are NumericDate, whole seconds. */
export interface CredentialClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string;
  readonly project: string;
  readonly iat: number;
  readonly exp: number;
  readonly nbf?: number | undefined;
  readonly jti: string;
  readonly body_hash?: string | undefined;
  readonly cnf?: { readonly 'x5t#S256': string } | undefined;
}

/** The last second of the year 9999. */
const MAX_TIME = 253_402_300_799;
const SHA256 = /^[A-Za-z0-9_-]{43}$/;

/**
 * Reads what a credential claims, by hand: it is done for each one that is shown for the first time, forged or not.
 * Members that are not named here are ignored, as RFC 7519 section 4 asks.
 *
 * @throws CredentialError `claims_malformed`
 */
export function parseClaims(unverified: UnverifiedCredential['unverifiedClaims']): CredentialClaims {
  const { iss, sub, project, iat, exp, nbf, jti, body_hash, cnf } = unverified;
  const aud = onlyAudience(unverified.aud);
  if (
    isId(iss) &&
    isId(sub) &&
    isText(aud, 2048) &&
    isId(project) &&
    isTime(iat) &&
    isTime(exp) &&
    (nbf === undefined || isTime(nbf)) &&
    isText(jti, 128) &&
    (body_hash === undefined || isSha256(body_hash)) &&
    (cnf === undefined || isConfirmation(cnf))
  ) {
    return { iss, sub, aud, project, iat, exp, nbf, jti, body_hash, cnf };
  }
  throw new CredentialError('claims_malformed');
}

/** A list is accepted only with one entry: a pass opens one door. */
function onlyAudience(aud: unknown): unknown {
  return Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= maxLength;
}

function isTime(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_TIME;
}

function isSha256(value: unknown): value is string {
  return typeof value === 'string' && SHA256.test(value);
}

/** RFC 8705 section 3.1: the certificate's thumbprint, and nothing else that would have to be confirmed. */
function isConfirmation(value: unknown): value is { 'x5t#S256': string } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const [name, ...others] = Object.keys(value);
  return name === 'x5t#S256' && others.length === 0 && isSha256((value as Record<string, unknown>)[name]);
}

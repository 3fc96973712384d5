import { type CredentialClaims, parseClaims } from './claims.ts';
import { parseCredential, type UnverifiedCredential } from './compact.ts';
import { CredentialError } from './errors.ts';
import { assertUsable, type KeyRecord } from './key-record.ts';
import { CLOCK_SKEW_SECONDS, PURPOSES, type Purpose } from './purposes.ts';
import { verifySignature, verifySignatureNow } from './signature.ts';

export interface Expectations {
  readonly purpose: Purpose;
  /** The verifier's own id; the credential's `aud` must equal it. */
  readonly audience: string;
  /** Required for `renewal`: base64url SHA-256 of the body that came with the credential. */
  readonly bodyHash?: string;
  /** Clock, in milliseconds. Default `Date.now`. */
  readonly now?: () => number;
}

/** A credential whose signature, claims and key all held at the time of asking. */
export interface VerifiedCredential {
  readonly kid: string;
  readonly project: string;
  readonly piped: string;
  readonly claims: CredentialClaims;
  /** `exp`, NumericDate seconds. The credential is accepted until `expiresAt + 60` s. */
  readonly expiresAt: number;
}

/**
 * Verifies a credential against the key record that its kid led to. In this order: form and header, purpose, kid and
 * algorithm, signature, claims, owner, audience, times, and at last the record's own state, so that nobody without
 * the key learns whether a piped is disabled.
 *
 * Times (RFC 7519 section 4.1, with 60 s for clocks that disagree): `iat <= now + 60`, `now < exp + 60`, and
 * `0 < exp - iat <=` the purpose's longest life.
 *
 * @throws CredentialError, its `code` one of `CREDENTIAL_REFUSALS`
 * @throws TypeError if the body's hash is missing for `renewal`
 * @example
 * const { piped } = await verifyCredential(token, record, { purpose: 'gateway', audience: 'spanpass-gateway' });
 */
export async function verifyCredential(
  token: CredentialToVerify,
  record: KeyRecord,
  expectations: Expectations,
): Promise<VerifiedCredential> {
  const { text, parsed } = takeUp(token, record, expectations);
  await verifySignature(text, parsed, record);
  return conclude(parsed, record, expectations);
}

/**
 * The same at once, on the thread that asks: for whoever sees to it that others are not kept waiting.
 *
 * @throws as `verifyCredential`
 */
export function verifyCredentialNow(
  token: CredentialToVerify,
  record: KeyRecord,
  expectations: Expectations,
): VerifiedCredential {
  const { text, parsed } = takeUp(token, record, expectations);
  verifySignatureNow(text, parsed, record);
  return conclude(parsed, record, expectations);
}

/** A credential, taken apart already or not. */
export type CredentialToVerify = string | { readonly token: string; readonly parsed: UnverifiedCredential };

/** What comes before the signature. */
function takeUp(token: CredentialToVerify, record: KeyRecord, expectations: Expectations) {
  const purpose = PURPOSES[expectations.purpose];
  if (purpose.bindsBody && expectations.bodyHash === undefined) throw new TypeError('bodyHash is required for renewal');
  const text = typeof token === 'string' ? token : token.token;
  const parsed = typeof token === 'string' ? parseCredential(token) : token.parsed;
  if (parsed.unverifiedHeader.typ !== purpose.typ) throw new CredentialError('typ_mismatch');
  if (parsed.unverifiedHeader.kid !== record.kid) throw new CredentialError('kid_mismatch');
  return { text, parsed };
}

/** What comes after it. */
function conclude(
  { unverifiedClaims }: UnverifiedCredential,
  record: KeyRecord,
  expectations: Expectations,
): VerifiedCredential {
  const purpose = PURPOSES[expectations.purpose];
  const claims = parseClaims(unverifiedClaims);
  if (claims.iss !== claims.sub) throw new CredentialError('issuer_mismatch');
  if (claims.sub !== record.piped) throw new CredentialError('subject_mismatch');
  if (claims.project !== record.project) throw new CredentialError('project_mismatch');
  if (claims.aud !== expectations.audience) throw new CredentialError('audience_mismatch');
  const nowSeconds = (expectations.now ?? Date.now)() / 1000;
  checkTimes(claims, nowSeconds, purpose.maxLifeSeconds);
  if (purpose.bindsBody && claims.body_hash !== expectations.bodyHash) throw new CredentialError('body_mismatch');
  assertUsable(record, nowSeconds);
  return { kid: record.kid, project: record.project, piped: record.piped, claims, expiresAt: claims.exp };
}

/**
 * Refuses what no signature could save: a header or claims that are malformed, made for another purpose or audience, or
 * out of their time. It costs next to nothing, and says nothing of any key: for the time before a key is looked up.
 * What passes is not verified.
 *
 * @throws CredentialError with the code that `verifyCredential` would give if the signature were valid
 */
export function assertPlausible(
  { unverifiedHeader, unverifiedClaims }: UnverifiedCredential,
  { purpose, audience, now = Date.now }: Pick<Expectations, 'purpose' | 'audience' | 'now'>,
): void {
  const { typ, maxLifeSeconds } = PURPOSES[purpose];
  if (unverifiedHeader.typ !== typ) throw new CredentialError('typ_mismatch');
  const claims = parseClaims(unverifiedClaims);
  if (claims.iss !== claims.sub) throw new CredentialError('issuer_mismatch');
  if (claims.aud !== audience) throw new CredentialError('audience_mismatch');
  checkTimes(claims, now() / 1000, maxLifeSeconds);
}

/** Each comparison is written so that a clock that gives NaN refuses. */
function checkTimes({ iat, nbf, exp }: CredentialClaims, nowSeconds: number, maxLifeSeconds: number): void {
  const life = exp - iat;
  if (!(life > 0 && life <= maxLifeSeconds)) throw new CredentialError('lifetime_invalid');
  if (!(Math.max(iat, nbf ?? iat) <= nowSeconds + CLOCK_SKEW_SECONDS)) throw new CredentialError('issued_in_future');
  if (!(nowSeconds < exp + CLOCK_SKEW_SECONDS)) throw new CredentialError('expired');
}

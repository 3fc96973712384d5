/**
 * Every reason for which a credential, or the key behind it, is refused. The codes are stable: logs, metrics and the
 * documentation use them. None of the messages holds anything that came from the caller.
 */
export const CREDENTIAL_REFUSALS = Object.freeze({
  credential_too_large: 'the credential is longer than 8 KiB',
  credential_malformed: 'the credential is not a JWS in compact form (RFC 7515 section 7.1)',
  header_malformed: 'the JOSE header is not an object of unique, known, well-formed members',
  header_forbidden:
    'the JOSE header has a member that spanpass never accepts (jku, jwk, x5u, x5c, crit, b64, zip, enc)',
  typ_mismatch: 'the credential was made for another purpose (typ)',
  algorithm_mismatch: "the algorithm is not the key record's",
  kid_malformed: 'the kid is not an RFC 7638 SHA-256 thumbprint',
  kid_mismatch: "the kid is not the key record's",
  signature_invalid: 'the signature does not verify',
  claims_malformed: 'a required claim is missing or has the wrong type',
  issuer_mismatch: 'iss and sub are not the same piped',
  subject_mismatch: 'the key belongs to another piped',
  project_mismatch: 'the key belongs to another project',
  audience_mismatch: 'the credential was made for another audience',
  lifetime_invalid: 'exp is not after iat, or lies too far behind it',
  issued_in_future: 'iat (or nbf) lies in the future',
  expired: 'the credential has expired',
  body_mismatch: 'the credential was made for another request body',
  key_unknown: 'no key has this kid',
  key_revoked: 'the key was revoked',
  key_retired: 'the key was replaced and its overlap has ended',
  key_not_yet_valid: 'the key is not valid yet',
  key_expired: 'the key has expired',
  piped_disabled: 'the piped is disabled',
  project_disabled: 'the project is disabled',
});

export type CredentialRefusalCode = keyof typeof CREDENTIAL_REFUSALS;

/** A credential was refused. `code` says why and is stable; `message` is fixed per code and safe to show. */
export class CredentialError extends Error {
  override readonly name = 'CredentialError';
  readonly code: CredentialRefusalCode;

  constructor(code: CredentialRefusalCode, options?: ErrorOptions) {
    super(CREDENTIAL_REFUSALS[code], options);
    this.code = code;
  }
}

/** A key file or key record can't be read. `code` is stable; the message names the member at fault, never its value. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
  readonly code: 'unknown_version' | 'invalid_format';

  constructor(code: FormatError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Every reason for which a key snapshot is not taken. The codes are stable: logs use them. */
export const KEY_SNAPSHOT_REFUSALS = Object.freeze({
  malformed: 'the snapshot does not begin with a JWS in compact form',
  typ_mismatch: 'what is signed is no key snapshot (typ)',
  key_not_pinned: 'the snapshot was signed with a key that is not pinned',
  signature_invalid: 'the signature does not verify',
  claims_malformed: 'a required claim is missing or has the wrong type, or the issuer is no control plane',
  issued_in_future: 'the snapshot was signed in the future',
  too_old: 'the snapshot is older than what may be believed',
  rolled_back: 'the snapshot is older than the last revision that was seen',
  body_mismatch: 'the records are not those that were signed for',
  records_malformed: 'a record is malformed, newer than the snapshot, or there twice',
});

/** A key snapshot was not taken. `code` says why and is stable; `message` is fixed per code and safe to show. */
export class KeySnapshotError extends Error {
  override readonly name = 'KeySnapshotError';
  readonly code: keyof typeof KEY_SNAPSHOT_REFUSALS;

  constructor(code: KeySnapshotError['code'], options?: ErrorOptions) {
    super(KEY_SNAPSHOT_REFUSALS[code], options);
    this.code = code;
  }
}

/** Every reason for which a signed audit head is not taken. The codes are stable. */
export const AUDIT_HEAD_REFUSALS = Object.freeze({
  malformed: 'the audit head is no JWS in compact form',
  typ_mismatch: 'what is signed is no audit head (typ)',
  key_not_pinned: 'the audit head was signed with a key that is not pinned',
  signature_invalid: 'the signature of the audit head does not verify',
  claims_malformed: 'a required claim is missing or has the wrong type, or the issuer is no control plane',
});

/** A signed audit head was not taken. `code` says why and is stable; `message` is fixed per code and safe to show. */
export class AuditHeadError extends Error {
  override readonly name = 'AuditHeadError';
  readonly code: keyof typeof AUDIT_HEAD_REFUSALS;

  constructor(code: AuditHeadError['code'], options?: ErrorOptions) {
    super(AUDIT_HEAD_REFUSALS[code], options);
    this.code = code;
  }
}

export { type AccessTokenClaims, CLIENT_ASSERTION_TYPE, signAccessToken } from './access-token.ts';
export {
  type Algorithm,
  algorithmSchema,
  DEFAULT_ALGORITHM,
  type PrivateJwk,
  type PublicJwk,
} from './algorithms.ts';
export { type AuditHead, readUnverifiedAuditHead, signAuditHead, verifyAuditHead } from './audit-head.ts';
export type { CredentialClaims } from './claims.ts';
export {
  MAX_CREDENTIAL_LENGTH,
  parseCredential,
  parseJws,
  type UnverifiedCredential,
  type UnverifiedJws,
} from './compact.ts';
export {
  AUDIT_HEAD_REFUSALS,
  AuditHeadError,
  CREDENTIAL_REFUSALS,
  CredentialError,
  type CredentialRefusalCode,
  FormatError,
  KEY_SNAPSHOT_REFUSALS,
  KeySnapshotError,
} from './errors.ts';
export { idSchema, isId, KID_PATTERN, kidSchema, SIGNALS, type Signal, scopesSchema } from './ids.ts';
export { type KeyFile, type PendingKey, parseKeyFile, parsePendingKey, publicHalf } from './key-file.ts';
export { createKeyPair, type KeyPair } from './key-pair.ts';
export { assertUsable, type KeyRecord, parseKeyRecord, parsePublicJwk, thumbprint } from './key-record.ts';
export {
  encodeKeySnapshot,
  type KeySnapshot,
  MAX_SNAPSHOT_RECORDS,
  type SnapshotExpectations,
  signKeySnapshot,
  verifyKeySnapshot,
} from './key-snapshot.ts';
export { isLoopbackHost } from './loopback.ts';
export { NEVER } from './never.ts';
export { isBcryptHash, MAX_PIPECD_KEYS } from './pipecd-hash.ts';
export { sha256, signPossession, verifyPossession } from './possession.ts';
export { CLOCK_SKEW_SECONDS, DEFAULT_GATEWAY_AUDIENCE, PURPOSES, type Purpose } from './purposes.ts';
export { importSigningKey, type SigningKey, type SignOptions, signCredential } from './sign.ts';
export { verifySignature, verifySignatureNow } from './signature.ts';
export { parseSnapshotKeys, type SnapshotKeys } from './snapshot-keys.ts';
export { parseStrictObject } from './strict-json.ts';
export {
  assertPlausible,
  type CredentialToVerify,
  type Expectations,
  type VerifiedCredential,
  verifyCredential,
  verifyCredentialNow,
} from './verify.ts';

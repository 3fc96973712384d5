import { importJWK, SignJWT } from 'jose';
import { z } from 'zod';
import type { PrivateJwk } from './algorithms.ts';
import { parseCredential } from './compact.ts';
import { AuditHeadError, CredentialError } from './errors.ts';
import { secondsSchema } from './ids.ts';
import { verifySignature } from './signature.ts';
import type { SnapshotKeys } from './snapshot-keys.ts';

const TYP = 'audit-head+jwt';
const ISSUER = 'spanpass-control-plane';
const ALG = 'ES256';
/** A header, four claims and an ES256 signature take about 350 characters. */
const MAX_LENGTH = 1024;

const claimsSchema = z.object({
  iss: z.literal(ISSUER),
  iat: secondsSchema,
  seq: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

/** Where a control plane's audit stood: its last row, and the hash that stands for that one and all before it. */
export interface AuditHead {
  readonly seq: number;
  /** SHA-256, hex. */
  readonly hash: string;
  /** When it stood there, NumericDate seconds. */
  readonly at: number;
}

/** Signs a head: a compact JWS (ES256, `typ: audit-head+jwt`) with the claims `iss iat seq hash`. */
export async function signAuditHead(
  key: { readonly kid: string; readonly privateJwk: PrivateJwk },
  { seq, hash, at }: AuditHead,
): Promise<string> {
  return new SignJWT({ iss: ISSUER, iat: at, seq, hash })
    .setProtectedHeader({ alg: ALG, kid: key.kid, typ: TYP })
    .sign(await importJWK(key.privateJwk, ALG));
}

/**
 * Verifies a signed head, in this order: form, purpose, pinned key, signature, issuer and claims. Its time is not judged:
 * an old head says as much about the rows before it as on its first day.
 *
 * @throws AuditHeadError
 */
export async function verifyAuditHead(jws: string, keys: SnapshotKeys): Promise<AuditHead> {
  const parsed = parse(jws);
  const publicJwk = keys.get(parsed.unverifiedHeader.kid);
  if (publicJwk === undefined) throw new AuditHeadError('key_not_pinned');
  try {
    await verifySignature(jws, parsed, { alg: ALG, publicJwk });
  } catch (cause) {
    throw new AuditHeadError('signature_invalid', { cause });
  }
  return headOf(parsed.unverifiedClaims);
}

/**
 * What a signed head says, for whoever keeps it for others to verify.
 *
 * @throws AuditHeadError `malformed`, `typ_mismatch`, `claims_malformed`
 */
export function readUnverifiedAuditHead(jws: string): AuditHead {
  return headOf(parse(jws).unverifiedClaims);
}

function parse(jws: string) {
  try {
    if (jws.length > MAX_LENGTH) throw new AuditHeadError('malformed');
    const parsed = parseCredential(jws);
    if (parsed.unverifiedHeader.typ !== TYP) throw new AuditHeadError('typ_mismatch');
    return parsed;
  } catch (cause) {
    if (cause instanceof CredentialError) throw new AuditHeadError('malformed', { cause });
    throw cause;
  }
}

function headOf(unverifiedClaims: unknown): AuditHead {
  const claims = claimsSchema.safeParse(unverifiedClaims);
  if (!claims.success) throw new AuditHeadError('claims_malformed');
  const { seq, hash, iat } = claims.data;
  return Object.freeze({ seq, hash, at: iat });
}

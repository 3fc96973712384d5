import { importJWK, SignJWT } from 'jose';
import { z } from 'zod';
import type { PrivateJwk, PublicJwk } from './algorithms.ts';
import { parseCredential } from './compact.ts';
import { CredentialError, KeySnapshotError } from './errors.ts';
import { secondsSchema } from './ids.ts';
import { type KeyRecord, parseKeyRecord } from './key-record.ts';
import { sha256 } from './possession.ts';
import { CLOCK_SKEW_SECONDS } from './purposes.ts';
import { verifySignature } from './signature.ts';
import type { SnapshotKeys } from './snapshot-keys.ts';

/** The most records that one snapshot holds. */
export const MAX_SNAPSHOT_RECORDS = 20_000;

const TYP = 'key-snapshot+jwt';
const ISSUER = 'spanpass-control-plane';
const ALG = 'ES256';

const claimsSchema = z.object({
  iss: z.literal(ISSUER),
  iat: secondsSchema,
  revision: secondsSchema,
  body_hash: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});

const bodySchema = z.strictObject({ v: z.literal(1), records: z.array(z.unknown()).max(MAX_SNAPSHOT_RECORDS) });

/** Key records as of one revision, on the word of a pinned key. */
export interface KeySnapshot {
  readonly revision: number;
  /** When they were read, NumericDate seconds. */
  readonly issuedAt: number;
  readonly records: readonly KeyRecord[];
}

export interface SnapshotExpectations {
  readonly keys: SnapshotKeys;
  /** The oldest that is taken, in milliseconds. */
  readonly maxAgeMs: number;
  /** The last revision that was seen: what is older would take back what is known. */
  readonly minRevision: number;
  /** Clock, in milliseconds. Default `Date.now`. */
  readonly now?: () => number;
}

/** The bytes that `signKeySnapshot` signs for. */
export function encodeKeySnapshot(records: readonly KeyRecord[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ v: 1, records }));
}

/**
 * Signs for exactly these bytes: a compact JWS (ES256, `typ: key-snapshot+jwt`) with the claims `iss iat revision
 * body_hash`.
 *
 * @param issuedAtMs a moment before the records were read: their age counts from it
 */
export async function signKeySnapshot(
  key: { readonly kid: string; readonly privateJwk: PrivateJwk },
  { body, revision, issuedAtMs }: { readonly body: Uint8Array; readonly revision: number; readonly issuedAtMs: number },
): Promise<string> {
  const claims = { iss: ISSUER, iat: Math.floor(issuedAtMs / 1000), revision, body_hash: await sha256(body) };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: ALG, kid: key.kid, typ: TYP })
    .sign(await importJWK(key.privateJwk, ALG));
}

/**
 * Verifies a snapshot, in this order: form, purpose, pinned key, signature, issuer and claims, time, revision, the hash
 * of the body's bytes, and each record.
 *
 * @throws KeySnapshotError
 */
export async function verifyKeySnapshot(
  jws: string,
  body: Uint8Array,
  { keys, maxAgeMs, minRevision, now = Date.now }: SnapshotExpectations,
): Promise<KeySnapshot> {
  const { iat, revision, body_hash } = await verifiedClaims(jws, keys);
  const ageMs = now() - iat * 1000;
  if (!(ageMs >= -CLOCK_SKEW_SECONDS * 1000)) throw new KeySnapshotError('issued_in_future');
  if (!(ageMs <= maxAgeMs)) throw new KeySnapshotError('too_old');
  if (!(revision >= minRevision)) throw new KeySnapshotError('rolled_back');
  if (body_hash !== (await sha256(body))) throw new KeySnapshotError('body_mismatch');
  return Object.freeze({ revision, issuedAt: iat, records: await parseRecords(body, revision) });
}

async function verifiedClaims(jws: string, keys: SnapshotKeys): Promise<z.output<typeof claimsSchema>> {
  const parsed = refuse('malformed', () => parseCredential(jws));
  const { kid, typ } = parsed.unverifiedHeader;
  if (typ !== TYP) throw new KeySnapshotError('typ_mismatch');
  const publicJwk: PublicJwk | undefined = keys.get(kid);
  if (publicJwk === undefined) throw new KeySnapshotError('key_not_pinned');
  try {
    await verifySignature(jws, parsed, { alg: ALG, publicJwk });
  } catch (cause) {
    throw new KeySnapshotError('signature_invalid', { cause });
  }
  const claims = claimsSchema.safeParse(parsed.unverifiedClaims);
  if (!claims.success) throw new KeySnapshotError('claims_malformed');
  return claims.data;
}

async function parseRecords(body: Uint8Array, revision: number): Promise<readonly KeyRecord[]> {
  try {
    const { records } = bodySchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)));
    const parsed = new Map<string, KeyRecord>();
    for (const input of records) {
      const record = await parseKeyRecord(input);
      if (record.revision > revision) throw new RangeError('a record is newer than the snapshot');
      parsed.set(record.kid, record);
    }
    if (parsed.size !== records.length) throw new RangeError('a kid comes twice');
    return [...parsed.values()];
  } catch (cause) {
    throw new KeySnapshotError('records_malformed', { cause });
  }
}

function refuse<T>(code: KeySnapshotError['code'], work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof CredentialError) throw new KeySnapshotError(code, { cause });
    throw cause;
  }
}

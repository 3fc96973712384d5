import { calculateJwkThumbprint } from 'jose';
import { z } from 'zod';
import { ALGORITHMS, type Algorithm, algorithmSchema, type PublicJwk } from './algorithms.ts';
import { CredentialError, FormatError } from './errors.ts';
import { parseVersioned } from './format.ts';
import { idSchema, kidSchema, type Signal, scopesSchema, secondsSchema } from './ids.ts';

/**
 * The one truth on who a signature belongs to. Times are whole seconds (NumericDate); `revision` is the newest change
 * of the key, its piped or its project.
 */
export interface KeyRecord {
  readonly v: 1;
  /** RFC 7638 SHA-256 thumbprint of `publicJwk`; unique everywhere. */
  readonly kid: string;
  readonly alg: Algorithm;
  readonly project: string;
  readonly piped: string;
  readonly publicJwk: Readonly<PublicJwk>;
  /** The signals that the piped may send. */
  readonly scopes: readonly Signal[];
  readonly keyStatus: 'active' | 'retired' | 'revoked';
  readonly pipedStatus: 'active' | 'disabled';
  readonly projectStatus: 'active' | 'disabled';
  readonly notBefore: number;
  readonly notAfter: number;
  readonly revision: number;
}

const recordSchema = z.strictObject({
  v: z.literal(1),
  kid: kidSchema,
  alg: algorithmSchema,
  project: idSchema,
  piped: idSchema,
  publicJwk: z.record(z.string(), z.string()),
  scopes: scopesSchema,
  keyStatus: z.enum(['active', 'retired', 'revoked']),
  pipedStatus: z.enum(['active', 'disabled']),
  projectStatus: z.enum(['active', 'disabled']),
  notBefore: secondsSchema,
  notAfter: secondsSchema,
  revision: secondsSchema,
});

/**
 * Reads a key record, as the control plane sends it, and checks that its kid is its key's thumbprint.
 *
 * @throws FormatError `unknown_version`, `invalid_format`
 */
export async function parseKeyRecord(input: unknown): Promise<KeyRecord> {
  const record = parseVersioned('key record', recordSchema, input);
  const publicJwk = parsePublicJwk(record.alg, record.publicJwk);
  if ((await thumbprint(publicJwk)) !== record.kid) {
    throw new FormatError('invalid_format', 'key record: kid is not the thumbprint of publicJwk');
  }
  return Object.freeze({ ...record, publicJwk: Object.freeze(publicJwk) });
}

/**
 * Reads the public half of a key for `alg`: exactly the members that RFC 7638 hashes. Private members are refused.
 *
 * @throws FormatError `invalid_format`
 */
export function parsePublicJwk(alg: Algorithm, input: unknown): PublicJwk {
  const parsed = ALGORITHMS[alg].publicJwk.safeParse(input);
  if (!parsed.success) {
    const member = parsed.error.issues[0]?.path.join('.') || 'members';
    throw new FormatError('invalid_format', `publicJwk: ${member} does not fit a public ${alg} key`);
  }
  return parsed.data as PublicJwk;
}

/** The kid of a key: its RFC 7638 SHA-256 thumbprint, base64url, 43 characters. */
export function thumbprint(publicJwk: PublicJwk): Promise<string> {
  return calculateJwkThumbprint(publicJwk, 'sha256');
}

/**
 * Refuses a key that may not be used at `nowSeconds`. Every cached decision goes through this again on each hit.
 *
 * @throws CredentialError `key_revoked`, `key_retired`, `key_not_yet_valid`, `key_expired`, `piped_disabled`,
 *   `project_disabled`
 */
export function assertUsable(record: KeyRecord, nowSeconds: number): void {
  if (record.keyStatus === 'revoked') throw new CredentialError('key_revoked');
  if (record.keyStatus !== 'active') throw new CredentialError('key_retired');
  if (!(nowSeconds >= record.notBefore)) throw new CredentialError('key_not_yet_valid');
  if (!(nowSeconds < record.notAfter)) throw new CredentialError('key_expired');
  if (record.pipedStatus !== 'active') throw new CredentialError('piped_disabled');
  if (record.projectStatus !== 'active') throw new CredentialError('project_disabled');
}

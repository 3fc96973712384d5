import { importJWK } from 'jose';
import { z } from 'zod';
import { ALGORITHMS, type Algorithm, algorithmSchema, type PrivateJwk, type PublicJwk } from './algorithms.ts';
import { FormatError } from './errors.ts';
import { parseVersioned } from './format.ts';
import { idSchema, kidSchema, secondsSchema } from './ids.ts';
import { parsePublicJwk, thumbprint } from './key-record.ts';

const httpUrl = z.url({ protocol: /^https?$/ }).max(2048);

const keyFileSchema = z.strictObject({
  v: z.literal(1),
  kid: kidSchema,
  alg: algorithmSchema,
  project: idSchema,
  piped: idSchema,
  /** The `aud` that the gateway expects. */
  audience: z.string().min(1).max(256),
  /** Where the key is renewed. */
  controlPlane: httpUrl,
  /** End of the key's life, NumericDate. */
  notAfter: secondsSchema,
  /** Beginning of the key's life, NumericDate. Files that an older spanpass wrote have none. */
  issuedAt: secondsSchema.optional(),
  privateJwk: z.record(z.string(), z.string()),
});

/** What a piped keeps of an enrolled key: everything needed to sign, and to renew. Secret. */
export type KeyFile = Omit<z.infer<typeof keyFileSchema>, 'privateJwk'> & { privateJwk: PrivateJwk };

const pendingKeySchema = z.strictObject({
  v: z.literal(1),
  status: z.literal('pending'),
  kid: kidSchema,
  alg: algorithmSchema,
  privateJwk: z.record(z.string(), z.string()),
});

/** A key pair that was written down before the control plane was asked to accept it. Secret. */
export type PendingKey = Omit<z.infer<typeof pendingKeySchema>, 'privateJwk'> & { privateJwk: PrivateJwk };

/**
 * Reads a key file and checks that its kid is its key's thumbprint.
 *
 * @throws FormatError `unknown_version`, `invalid_format`
 */
export async function parseKeyFile(input: unknown): Promise<KeyFile> {
  const file = parseVersioned('key file', keyFileSchema, input);
  return { ...file, privateJwk: await checkedPrivateJwk('key file', file) };
}

/**
 * Reads a pending key.
 *
 * @throws FormatError `unknown_version`, `invalid_format`
 */
export async function parsePendingKey(input: unknown): Promise<PendingKey> {
  const pending = parseVersioned('pending key', pendingKeySchema, input);
  return { ...pending, privateJwk: await checkedPrivateJwk('pending key', pending) };
}

/** The public half of a private JWK: the members that RFC 7638 hashes, and no others. */
export function publicHalf(alg: Algorithm, privateJwk: PrivateJwk): PublicJwk {
  const members = Object.keys(ALGORITHMS[alg].publicJwk.shape);
  return parsePublicJwk(alg, Object.fromEntries(members.map(member => [member, privateJwk[member]])));
}

async function checkedPrivateJwk(what: string, key: { alg: Algorithm; kid: string; privateJwk: unknown }) {
  const parsed = ALGORITHMS[key.alg].privateJwk.safeParse(key.privateJwk);
  if (!parsed.success) throw new FormatError('invalid_format', `${what}: privateJwk does not fit an ${key.alg} key`);
  const privateJwk = parsed.data as PrivateJwk;
  if ((await thumbprint(publicHalf(key.alg, privateJwk))) !== key.kid) {
    throw new FormatError('invalid_format', `${what}: kid is not the thumbprint of privateJwk`);
  }
  try {
    await importJWK(privateJwk, key.alg);
  } catch {
    // The cause is dropped on purpose: it could hold key material.
    throw new FormatError('invalid_format', `${what}: privateJwk is not a usable ${key.alg} key`);
  }
  return privateJwk;
}

import { z } from 'zod';
import type { PublicJwk } from './algorithms.ts';
import { FormatError } from './errors.ts';
import { parsePublicJwk, thumbprint } from './key-record.ts';

/** Public keys by kid, for whose snapshots one server takes the word. Made by `parseSnapshotKeys`. */
export type SnapshotKeys = ReadonlyMap<string, PublicJwk>;

/** Enough for several rotations under way. */
const MAX_KEYS = 16;

/** What RFC 7517 section 4 lets a JWK say besides the key; what it says must fit. */
const jwkSchema = z.looseObject({
  kid: z.string().optional(),
  alg: z.literal('ES256').optional(),
  use: z.literal('sig').optional(),
});
const jwksSchema = z.object({ keys: z.array(jwkSchema).min(1).max(MAX_KEYS) });

/**
 * Reads the keys to pin: a JWK Set (RFC 7517 section 5) of 1 to 16 public ES256 keys, as `spanpass control-plane
 * snapshot-key` prints it.
 *
 * @throws FormatError `invalid_format`, also for a private key: whoever pins needs none
 */
export async function parseSnapshotKeys(input: unknown): Promise<SnapshotKeys> {
  const parsed = jwksSchema.safeParse(input);
  if (!parsed.success) {
    const member = parsed.error.issues[0]?.path.join('.') || 'keys';
    throw new FormatError('invalid_format', `snapshot keys: ${member} does not fit a JWK Set of public ES256 keys`);
  }
  const keys = new Map<string, PublicJwk>();
  for (const { kid, alg: _, use: __, ...members } of parsed.data.keys) {
    const publicJwk = Object.freeze(parsePublicJwk('ES256', members));
    const actual = await thumbprint(publicJwk);
    if (kid !== undefined && kid !== actual) {
      throw new FormatError('invalid_format', 'snapshot keys: a kid is not the thumbprint of its key');
    }
    keys.set(actual, publicJwk);
  }
  return keys;
}

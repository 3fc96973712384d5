import type { PrivateJwk } from '@spanpass/credential';
import { and, asc, desc, eq, gt, lte } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { signingKeys } from '../store/schema.ts';
import { type Jwks, jwksSchema, type SigningPurpose } from '../wire/signing-keys.ts';
import type { Registry } from './registry.ts';
import { openedPrivateJwk } from './sealed-signing-keys.ts';

const ALG = 'ES256';
const MAX_SHOWN = 16;

export type SigningKeyRow = typeof signingKeys.$inferSelect;

/** The key that signs for a purpose now. Secret. */
export async function signingKeyOf(
  { store, encryptionKeys, now }: Pick<Registry, 'store' | 'encryptionKeys' | 'now'>,
  purpose: SigningPurpose,
): Promise<{ kid: string; privateJwk: PrivateJwk }> {
  const key = await signingAt(store.db, purpose, new Date(now()));
  if (key === undefined) throw new Error(`no key signs for ${purpose}`);
  return { kid: key.kid, privateJwk: openedPrivateJwk(key, encryptionKeys) };
}

/**
 * The public halves: of the key that signs now, of those that will, and before them of those that signed within the last
 * `retainSeconds`, since what they signed may still be shown.
 */
export async function publicKeysOf(
  { store, now }: Pick<Registry, 'store' | 'now'>,
  purpose: SigningPurpose,
  retainSeconds = 0,
): Promise<Jwks> {
  const rows = await shownKeys(store.db, purpose, new Date(now()), retainSeconds);
  const keys = rows.slice(0, MAX_SHOWN).map(({ kid, publicJwk }) => ({ ...publicJwk, kid, alg: ALG, use: 'sig' }));
  return jwksSchema.parse({ keys });
}

/** The rows of the keys that are to be shown, in the order in which they sign. */
export async function shownKeys(
  db: Database,
  purpose: SigningPurpose,
  at: Date,
  retainSeconds: number,
): Promise<SigningKeyRow[]> {
  const since = new Date(at.getTime() - retainSeconds * 1000);
  const oldest = await signingAt(db, purpose, since);
  const later = await db
    .select()
    .from(signingKeys)
    .where(and(eq(signingKeys.purpose, purpose), gt(signingKeys.signsFrom, since)))
    .orderBy(asc(signingKeys.signsFrom), asc(signingKeys.createdAt));
  return [...(oldest ? [oldest] : []), ...later];
}

async function signingAt(db: Database, purpose: SigningPurpose, at: Date): Promise<SigningKeyRow | undefined> {
  const [row] = await db
    .select()
    .from(signingKeys)
    .where(and(eq(signingKeys.purpose, purpose), lte(signingKeys.signsFrom, at)))
    .orderBy(desc(signingKeys.signsFrom), desc(signingKeys.createdAt))
    .limit(1);
  return row;
}

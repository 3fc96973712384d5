import type { PrivateJwk } from '@spanpass/credential';
import { eq } from 'drizzle-orm';
import { ControlPlaneStartError } from '../problems/start-error.ts';
import type { EncryptionKey, EncryptionKeys } from '../sealing/encryption-keys.ts';
import { isSealed, type Sealed, seal, unseal } from '../sealing/seal.ts';
import type { Database } from '../store/database.ts';
import { signingKeys } from '../store/schema.ts';

type Row = Pick<typeof signingKeys.$inferSelect, 'kid' | 'purpose' | 'privateJwk'>;

/** What was found at the start. */
export interface SealedAgain {
  /** Keys that an older version had written as they are. */
  readonly plain: number;
  /** Keys that were encrypted with another key than the first one. */
  readonly older: number;
}

/** A private half, to be kept in the row of this key and in no other. */
export function sealedPrivateJwk(privateJwk: PrivateJwk, row: Omit<Row, 'privateJwk'>, keys: EncryptionKeys): Sealed {
  return seal(privateJwk, placeOf(row), keys[0]);
}

/** Secret. @throws Error if none of the keys opens it */
export function openedPrivateJwk(row: Row, keys: EncryptionKeys): PrivateJwk {
  const { privateJwk } = row;
  // Between its migration and the end of its start, no replica has sealed what older ones wrote.
  if (!isSealed(privateJwk)) return privateJwk;
  const key = keyFor(privateJwk, keys);
  if (key === undefined) throw new Error(`no encryption key opens the signing key ${row.kid}`);
  return unseal(privateJwk, placeOf(row), key) as PrivateJwk;
}

/**
 * Has every signing key encrypted with the first of the keys. To be called under the start lock.
 *
 * @throws ControlPlaneStartError `encryption_key_unknown` if one can't be opened with any of them
 */
export async function sealSigningKeys(db: Database, keys: EncryptionKeys): Promise<SealedAgain> {
  const found = { plain: 0, older: 0 };
  for (const row of await db.select().from(signingKeys)) {
    const sealed = isSealed(row.privateJwk);
    if (sealed && keyFor(row.privateJwk as Sealed, keys) === keys[0]) {
      opened(row, keys);
      continue;
    }
    found[sealed ? 'older' : 'plain']++;
    await db
      .update(signingKeys)
      .set({ privateJwk: sealedPrivateJwk(opened(row, keys), row, keys) })
      .where(eq(signingKeys.kid, row.kid));
  }
  return found;
}

function opened(row: Row, keys: EncryptionKeys): PrivateJwk {
  try {
    return openedPrivateJwk(row, keys);
  } catch (cause) {
    throw new ControlPlaneStartError(
      'encryption_key_unknown',
      'the signing keys in the database were encrypted with another key: give that one too, behind a comma, or restore it',
      { cause },
    );
  }
}

function keyFor({ keyId }: Sealed, keys: EncryptionKeys): EncryptionKey | undefined {
  return keys.find(({ id }) => id === keyId);
}

function placeOf({ kid, purpose }: Omit<Row, 'privateJwk'>): string {
  return `signing_keys/${purpose}/${kid}`;
}

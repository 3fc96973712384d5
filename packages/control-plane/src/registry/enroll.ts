import type { KeyRecord } from '@spanpass/credential';
import { eq } from 'drizzle-orm';
import { Refusal } from '../problems/refusal.ts';
import type { Database } from '../store/database.ts';
import { enrollmentTokens } from '../store/schema.ts';
import { hashToken, isWellFormedToken } from '../tokens/token-format.ts';
import { addKey, type NewKey } from './add-keys.ts';
import { findKey, recordOf } from './records.ts';
import { type Registry, writeTo } from './registry.ts';

/**
 * Enrolls a key whose possession was proven, with a one-time token. The same token with the same key is answered with
 * the same record for as long as it is known, also after its end: whoever lost an answer asks again. To anyone else,
 * tokens that are unknown, used or expired look alike.
 *
 * @throws Refusal `enrollment_token_invalid`, `kid_exists`, `too_many_keys`
 */
export async function enroll(
  registry: Registry,
  peerAddress: string,
  enrollmentToken: string,
  key: NewKey,
): Promise<{ created: boolean; record: KeyRecord }> {
  if (!isWellFormedToken(enrollmentToken, 'enroll')) throw invalid();
  const tokenHash = hashToken(enrollmentToken);
  // Guesses are turned away before they could keep anyone's write waiting.
  const known = await findToken(registry.store.db, tokenHash);
  if (known === undefined) throw invalid();
  const actor = { role: 'enrollment', tokenId: known.id, peerAddress } as const;
  return writeTo(registry, actor, async write => {
    const token = await findToken(write.tx, tokenHash);
    if (token === undefined) throw invalid();
    if (token.usedKid === key.kid) {
      const found = await findKey(write.tx, key.kid);
      if (found === undefined) throw invalid();
      return { created: false, record: recordOf(found.key, found.piped, found.project) };
    }
    if (token.usedKid !== null || !(write.at < token.expiresAt)) throw invalid();
    const record = await addKey(write, {
      id: { project: token.project, piped: token.piped },
      key,
      lifeSeconds: registry.settings.keyLifeSeconds,
      action: 'key.enrolled',
    });
    await write.tx
      .update(enrollmentTokens)
      .set({ usedKid: key.kid, usedAt: write.at })
      .where(eq(enrollmentTokens.id, token.id));
    return { created: true, record };
  });
}

async function findToken(db: Database, tokenHash: string) {
  const [token] = await db.select().from(enrollmentTokens).where(eq(enrollmentTokens.tokenHash, tokenHash));
  return token;
}

function invalid(): Refusal {
  return new Refusal(
    'enrollment_token_invalid',
    'the enrollment token is unknown, has expired, or was used for another key: ask for a new one',
  );
}

import {
  CLOCK_SKEW_SECONDS,
  CredentialError,
  type KeyRecord,
  parseCredential,
  type VerifiedCredential,
  verifyCredential,
} from '@spanpass/credential';
import { and, eq, gt, isNull, lt } from 'drizzle-orm';
import type { ProblemCode } from '../problems/problems.ts';
import { Refusal } from '../problems/refusal.ts';
import type { Database } from '../store/database.ts';
import { keys, keyUse, usedRenewals } from '../store/schema.ts';
import type { Write } from '../store/write.ts';
import { addKey, type NewKey } from './add-keys.ts';
import { changeKey, type FoundKey, findKey, recordOf } from './records.ts';
import { type Registry, toSeconds, writeTo } from './registry.ts';
import { retireBehind } from './retire.ts';
import { noteUse } from './usage.ts';

/** A renewal credential, and what it has to be bound to. */
export interface RenewalCredential {
  readonly token: string;
  /** The renewal URL. */
  readonly audience: string;
  /** base64url SHA-256 of the body that it came with. */
  readonly bodyHash: string;
}

/** How long after its last second a credential is remembered: as long as clocks of replicas may disagree, twice. */
const REMEMBERED_SECONDS = 2 * CLOCK_SKEW_SECONDS;

const FORBIDDEN: readonly string[] = ['piped_disabled', 'project_disabled'] satisfies ProblemCode[];

/**
 * Verifies a renewal credential against the stored record of the key that signed it.
 *
 * @throws Refusal `renewal_credential_invalid`, `piped_disabled`, `project_disabled`
 */
export async function verifyRenewal(
  db: Database,
  { token, audience, bodyHash }: RenewalCredential,
  now: () => number,
): Promise<VerifiedCredential & { signer: FoundKey }> {
  try {
    const parsed = parseCredential(token);
    const found = await findKey(db, parsed.unverifiedHeader.kid);
    if (found === undefined) throw new CredentialError('key_unknown');
    const record = recordOf(found.key, found.piped, found.project);
    const verified = await verifyCredential({ token, parsed }, record, { purpose: 'renewal', audience, bodyHash, now });
    return { ...verified, signer: found };
  } catch (error) {
    if (!(error instanceof CredentialError)) throw error;
    if (FORBIDDEN.includes(error.code)) throw new Refusal(error.code as ProblemCode, `renewal: ${error.message}`);
    throw new Refusal('renewal_credential_invalid', `renewal: ${error.message}`);
  }
}

/**
 * Adds a key whose possession was proven to the piped of the key that signed, which is retired when its overlap has
 * ended and the new one has been seen. A key that is the piped's own already, and good, is answered with its record,
 * also to that key itself: whoever lost an answer asks again, with a fresh credential.
 *
 * Two keys at most are active. Of two, the other one makes room if its overlap has ended, since this renewal shows that
 * the signer is in use; or if this same signer was renewed by it before and it has never been seen: its holder would go
 * on with it, and not with the signer, had the answer come through.
 *
 * @throws Refusal those of `verifyRenewal`, `renewal_credential_used`, `kid_exists`, `too_many_keys`
 */
export async function renew(
  registry: Registry,
  peerAddress: string,
  credential: RenewalCredential,
  key: NewKey,
): Promise<{ created: boolean; record: KeyRecord }> {
  const { unverifiedHeader } = parseCredential(credential.token);
  const actor = { role: 'renewal', tokenId: unverifiedHeader.kid, peerAddress } as const;
  return writeTo(registry, actor, async write => {
    // Once more, since waiting for other writes took its time, and one of them may have been a revocation.
    const verified = await verifyRenewal(write.tx, credential, () => write.at.getTime());
    await useUp(write, verified);
    const { signer, project, piped } = verified;
    await noteUse(write.tx, [{ kid: signer.key.kid, lastUsedAt: write.at }]);
    const known = await findKey(write.tx, key.kid);
    if (known && isGoodKeyOf(known, verified, toSeconds(write.at))) {
      return { created: false, record: recordOf(known.key, known.piped, known.project) };
    }
    await retireBehind(write, signer);
    await makeRoom(write, signer);
    const record = await addKey(write, {
      id: { project, piped },
      key,
      lifeSeconds: registry.settings.keyLifeSeconds,
      action: 'key.renewed',
    });
    const overlapEndsAt = toSeconds(write.at) + registry.settings.renewalOverlapSeconds;
    await changeKey(write, signer, { overlapEndsAt, supersededBy: key.kid }, 'key.superseded');
    return { created: true, record };
  });
}

/** Part of the write, so that a refusal uses up nothing, and one of two at the same time wins. */
async function useUp(write: Write, { kid, claims, expiresAt }: VerifiedCredential): Promise<void> {
  await write.tx.delete(usedRenewals).where(lt(usedRenewals.forgetAt, write.at));
  const forgetAt = new Date((expiresAt + REMEMBERED_SECONDS) * 1000);
  const added = await write.tx
    .insert(usedRenewals)
    .values({ kid, jti: claims.jti, forgetAt })
    .onConflictDoNothing()
    .returning({ jti: usedRenewals.jti });
  if (added.length === 0) throw new Refusal('renewal_credential_used', 'renewal: sign a new credential for each call');
}

function isGoodKeyOf({ key }: FoundKey, { project, piped }: VerifiedCredential, nowSeconds: number): boolean {
  return key.project === project && key.piped === piped && key.status === 'active' && nowSeconds < key.notAfter;
}

async function makeRoom(write: Write, { key: signer, piped, project }: FoundKey): Promise<void> {
  if (signer.supersededBy === null) return;
  const [row] = await write.tx
    .select({ other: keys })
    .from(keys)
    .leftJoin(keyUse, eq(keyUse.kid, keys.kid))
    .where(
      and(
        eq(keys.kid, signer.supersededBy),
        isNull(keys.supersededBy),
        isNull(keyUse.kid),
        eq(keys.status, 'active'),
        gt(keys.notAfter, toSeconds(write.at)),
      ),
    );
  if (row === undefined) return;
  await changeKey(write, { key: row.other, piped, project }, { status: 'retired' }, 'key.retired');
}

import { and, eq, isNull, lt } from 'drizzle-orm';
import { Refusal } from '../problems/refusal.ts';
import { enrollmentTokens } from '../store/schema.ts';
import type { Actor, Write } from '../store/write.ts';
import { createToken, createTokenId, hashToken } from '../tokens/token-format.ts';
import type { EnrollmentToken } from '../wire/pipeds.ts';
import { type Idempotency, once } from './idempotency.ts';
import { type PipedId, requirePiped } from './pipeds.ts';
import { type Registry, toSeconds, writeTo } from './registry.ts';

/**
 * Issues one more enrollment token for a piped. Those issued before stay as they are.
 *
 * @throws Refusal `piped_unknown`, `secret_shown_already`
 */
export function createEnrollmentToken(
  registry: Registry,
  actor: Actor,
  id: PipedId,
  call?: Idempotency,
): Promise<EnrollmentToken> {
  return writeTo(registry, actor, async write => {
    await requirePiped(write, id);
    return once<EnrollmentToken, { tokenId: string }>(write, call, {
      async first() {
        const { tokenId, token } = await issueEnrollmentToken(registry, write, id);
        return { answer: token, kept: { tokenId } };
      },
      again: ({ tokenId }) => replaceEnrollmentToken(registry, write, id, tokenId),
    });
  });
}

/** The part that registering a piped shares. Followers are not told: tokens are none of their business. */
export async function issueEnrollmentToken(
  registry: Registry,
  write: Write,
  { project, piped }: PipedId,
): Promise<{ tokenId: string; token: EnrollmentToken }> {
  const tokenId = createTokenId();
  await write.tx
    .delete(enrollmentTokens)
    .where(
      and(
        eq(enrollmentTokens.project, project),
        eq(enrollmentTokens.piped, piped),
        isNull(enrollmentTokens.usedKid),
        lt(enrollmentTokens.expiresAt, write.at),
      ),
    );
  const { row, token } = newToken(registry, write);
  await write.tx.insert(enrollmentTokens).values({ id: tokenId, project, piped, createdAt: write.at, ...row });
  write.audit('enrollment_token.created', { project, piped, tokenId });
  return { tokenId, token };
}

/**
 * For a caller who lost the answer: a fresh token in the place of the one that he never saw, so that still no more than
 * one is about. The one that it replaces is good no longer.
 *
 * @throws Refusal `secret_shown_already`: somebody has enrolled with it
 */
export async function replaceEnrollmentToken(
  registry: Registry,
  write: Write,
  { project, piped }: PipedId,
  tokenId: string,
): Promise<EnrollmentToken> {
  const { row, token } = newToken(registry, write);
  const replaced = await write.tx
    .update(enrollmentTokens)
    .set(row)
    .where(and(eq(enrollmentTokens.id, tokenId), isNull(enrollmentTokens.usedKid)))
    .returning({ id: enrollmentTokens.id });
  if (replaced.length === 0) {
    const detail = `the enrollment token of this call was shown before, and was used or has expired: ask for another one for ${piped}`;
    throw new Refusal('secret_shown_already', detail);
  }
  write.audit('enrollment_token.replaced', { project, piped, tokenId });
  return token;
}

function newToken({ settings }: Registry, write: Write) {
  const enrollmentToken = createToken('enroll');
  const expiresAt = new Date(write.at.getTime() + settings.enrollmentTokenLifeSeconds * 1000);
  return {
    row: { tokenHash: hashToken(enrollmentToken), expiresAt },
    token: { enrollmentToken, enrollmentTokenExpiresAt: toSeconds(expiresAt) },
  };
}

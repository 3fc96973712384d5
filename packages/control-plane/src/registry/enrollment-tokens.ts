import { and, eq, isNull, lt } from 'drizzle-orm';
import { enrollmentTokens } from '../store/schema.ts';
import type { Actor, Write } from '../store/write.ts';
import { createToken, createTokenId, hashToken } from '../tokens/token-format.ts';
import type { EnrollmentToken } from '../wire/pipeds.ts';
import { type PipedId, requirePiped } from './pipeds.ts';
import { type Registry, toSeconds, writeTo } from './registry.ts';

/** Issues one more enrollment token for a piped. Those issued before stay as they are. */
export function createEnrollmentToken(registry: Registry, actor: Actor, id: PipedId): Promise<EnrollmentToken> {
  return writeTo(registry, actor, async write => {
    await requirePiped(write, id);
    return issueEnrollmentToken(registry, write, id);
  });
}

/** The part that registering a piped shares. Followers are not told: tokens are none of their business. */
export async function issueEnrollmentToken(
  { settings }: Registry,
  write: Write,
  { project, piped }: PipedId,
): Promise<EnrollmentToken> {
  const token = createToken('enroll');
  const id = createTokenId();
  const expiresAt = new Date(write.at.getTime() + settings.enrollmentTokenLifeSeconds * 1000);
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
  await write.tx
    .insert(enrollmentTokens)
    .values({ id, tokenHash: hashToken(token), project, piped, createdAt: write.at, expiresAt });
  write.audit('enrollment_token.created', { project, piped, tokenId: id });
  return { enrollmentToken: token, enrollmentTokenExpiresAt: toSeconds(expiresAt) };
}

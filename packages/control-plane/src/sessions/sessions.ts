import { createHash, randomBytes } from 'node:crypto';
import { and, desc, eq, gt, inArray, lte } from 'drizzle-orm';
import { type Registry, writeTo } from '../registry/registry.ts';
import type { Database } from '../store/database.ts';
import type { Actor } from '../store/write.ts';
import type { KnownToken, TokenBook } from '../tokens/token-book.ts';
import { sessions } from './table.ts';

/** A working day: whoever comes back the next morning shows his token again. */
export const SESSION_LIFE_SECONDS = 12 * 3600;
/** Of one token at the same time; one more ends the oldest. */
export const MAX_SESSIONS = 50;

const SECRET = /^[\w-]{43}$/;

export interface Session {
  readonly caller: KnownToken;
  readonly secretHash: string;
  /** Milliseconds. */
  readonly expiresAtMs: number;
}

/** Starts a session of a token, and returns what its cookie holds: a secret, shown here alone. */
export function startSession(registry: Registry, actor: Actor, tokenId: string): Promise<string> {
  const secret = randomBytes(32).toString('base64url');
  return writeTo(registry, actor, async write => {
    const { tx, at } = write;
    const others = await tx
      .select({ secretHash: sessions.secretHash })
      .from(sessions)
      .where(eq(sessions.tokenId, tokenId))
      .orderBy(desc(sessions.createdAt))
      .offset(MAX_SESSIONS - 1);
    const surplus = others.map(({ secretHash }) => secretHash);
    if (surplus.length > 0) await tx.delete(sessions).where(inArray(sessions.secretHash, surplus));
    const expiresAt = new Date(at.getTime() + SESSION_LIFE_SECONDS * 1000);
    await tx.insert(sessions).values({ secretHash: hashOf(secret), tokenId, createdAt: at, expiresAt });
    write.audit('session.started', { tokenId });
    return secret;
  });
}

/** Whose session a cookie is: nobody's once its life or that of its token is over. */
export async function findSession(
  { store, now }: Pick<Registry, 'store' | 'now'>,
  tokens: TokenBook,
  secret: string,
): Promise<Session | undefined> {
  if (!SECRET.test(secret)) return undefined;
  const secretHash = hashOf(secret);
  const [row] = await store.db
    .select()
    .from(sessions)
    .where(and(eq(sessions.secretHash, secretHash), gt(sessions.expiresAt, new Date(now()))));
  const caller = row && (await tokens.findById(row.tokenId));
  return caller && { caller, secretHash, expiresAtMs: row.expiresAt.getTime() };
}

export function endSession(registry: Registry, actor: Actor, { secretHash, caller }: Session): Promise<void> {
  return writeTo(registry, actor, async write => {
    const ended = await write.tx.delete(sessions).where(eq(sessions.secretHash, secretHash)).returning();
    if (ended.length > 0) write.audit('session.ended', { tokenId: caller.id });
  });
}

/** Removes those that are over. */
export async function forgetSessions(db: Database, now: number): Promise<void> {
  await db.delete(sessions).where(lte(sessions.expiresAt, new Date(now)));
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

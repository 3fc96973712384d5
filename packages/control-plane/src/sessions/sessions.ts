import { createHash, randomBytes } from 'node:crypto';
import { and, desc, eq, gt, inArray, lte } from 'drizzle-orm';
import { type Registry, writeTo } from '../registry/registry.ts';
import type { Grant } from '../sign-in/grants.ts';
import { type Person, personId } from '../sign-in/person.ts';
import type { Database } from '../store/database.ts';
import type { Actor } from '../store/write.ts';
import type { Caller, TokenBook } from '../tokens/token-book.ts';
import { finishedSignIns, sessions } from './table.ts';

/** A working day: whoever comes back the next morning shows his token again. */
export const SESSION_LIFE_SECONDS = 12 * 3600;
/** Of one token, or one person, at the same time; one more ends the oldest. */
export const MAX_SESSIONS = 50;

const SECRET = /^[\w-]{43}$/;

export interface Session {
  readonly caller: Caller;
  readonly secretHash: string;
  /** Milliseconds. */
  readonly expiresAtMs: number;
}

/** Who signed in: by a token, or at the identity provider. */
export type SignedIn =
  | { readonly tokenId: string }
  | {
      readonly person: Person;
      readonly grant: Grant;
      /** Of the rules that granted it. */
      readonly rulesId: string;
    };

/** Starts a session, and returns what its cookie holds: a secret, shown here alone. */
export function startSession(
  registry: Registry,
  actor: Actor,
  who: SignedIn,
  lifeSeconds = SESSION_LIFE_SECONDS,
): Promise<string> {
  const secret = randomBytes(32).toString('base64url');
  return writeTo(registry, actor, async write => {
    const { tx, at } = write;
    const others = await tx
      .select({ secretHash: sessions.secretHash })
      .from(sessions)
      .where('tokenId' in who ? eq(sessions.tokenId, who.tokenId) : eq(sessions.personId, personId(who.person)))
      .orderBy(desc(sessions.createdAt))
      .offset(MAX_SESSIONS - 1);
    const surplus = others.map(({ secretHash }) => secretHash);
    if (surplus.length > 0) await tx.delete(sessions).where(inArray(sessions.secretHash, surplus));
    const expiresAt = new Date(at.getTime() + lifeSeconds * 1000);
    await tx.insert(sessions).values({ secretHash: hashOf(secret), ...whose(who), createdAt: at, expiresAt });
    write.audit('session.started', 'tokenId' in who ? { tokenId: who.tokenId } : {});
    return secret;
  });
}

/**
 * Whose session a cookie is: nobody's once its life or that of its token is over, or other rules are set than those
 * that granted it.
 *
 * @param rulesId of the rules that are set; none: nobody signs in at an identity provider
 */
export async function findSession(
  { store, now }: Pick<Registry, 'store' | 'now'>,
  tokens: TokenBook,
  secret: string,
  rulesId: string | undefined,
): Promise<Session | undefined> {
  if (!SECRET.test(secret)) return undefined;
  const secretHash = hashOf(secret);
  const [row] = await store.db
    .select()
    .from(sessions)
    .where(and(eq(sessions.secretHash, secretHash), gt(sessions.expiresAt, new Date(now()))));
  const caller = row && (row.tokenId === null ? personOf(row, rulesId) : await tokens.findById(row.tokenId));
  return caller && { caller, secretHash, expiresAtMs: row.expiresAt.getTime() };
}

export function endSession(registry: Registry, actor: Actor, { secretHash, caller }: Session): Promise<void> {
  return writeTo(registry, actor, async write => {
    const ended = await write.tx.delete(sessions).where(eq(sessions.secretHash, secretHash)).returning();
    if (ended.length > 0) write.audit('session.ended', caller.person === undefined ? { tokenId: caller.id } : {});
  });
}

/** Removes those that are over. */
export async function forgetSessions(db: Database, now: number): Promise<void> {
  await db.delete(sessions).where(lte(sessions.expiresAt, new Date(now)));
  await db.delete(finishedSignIns).where(lte(finishedSignIns.forgetAt, new Date(now)));
}

function whose(who: SignedIn) {
  if ('tokenId' in who) return { tokenId: who.tokenId };
  const { person, grant, rulesId } = who;
  const { role, projects } = grant;
  return { personId: personId(person), person, role, projects: projects === 'all' ? null : [...projects], rulesId };
}

function personOf(row: typeof sessions.$inferSelect, rulesId: string | undefined): Caller | undefined {
  const { personId: id, person, role, projects } = row;
  if (id === null || person === null || role === null || row.rulesId !== rulesId) return undefined;
  return { id, role, projects: projects ?? 'all', person };
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

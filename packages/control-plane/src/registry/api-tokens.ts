import { and, asc, count, eq, gt, isNotNull, isNull, lte, or, sql } from 'drizzle-orm';
import { Refusal } from '../problems/refusal.ts';
import { accessTokens } from '../store/schema.ts';
import type { Actor } from '../store/write.ts';
import { MAX_TOKENS } from '../tokens/token-book.ts';
import { createToken, createTokenId, hashToken } from '../tokens/token-format.ts';
import type { AccessToken, CreatedToken, CreateToken, Role, TokenState } from '../wire/tokens.ts';
import { type Idempotency, once } from './idempotency.ts';
import { type Page, toPage } from './page.ts';
import { type Registry, toSeconds, writeTo } from './registry.ts';

type TokenRow = typeof accessTokens.$inferSelect;

/** What the list is ordered by: when it was made, in milliseconds, and its id. */
export type TokenKey = readonly [createdAtMs: number, id: string];

export interface TokenFilter {
  readonly role?: Role | undefined;
  readonly state?: TokenState | undefined;
}

/**
 * Makes a token. It is in this answer, and nowhere else.
 *
 * @throws Refusal `too_many_tokens`, `secret_shown_already`
 */
export function createApiToken(
  registry: Registry,
  actor: Actor,
  { name, role, projects, lifeSeconds }: CreateToken,
  call: Idempotency | undefined,
): Promise<CreatedToken> {
  return writeTo(registry, actor, write =>
    once<CreatedToken, { id: string }>(write, call, {
      async first() {
        const [good] = await write.tx
          .select({ count: count() })
          .from(accessTokens)
          .where(isInState('active', write.at));
        if ((good?.count ?? 0) >= MAX_TOKENS) {
          throw new Refusal('too_many_tokens', `there are ${MAX_TOKENS} tokens already: revoke some first`);
        }
        const token = createToken(role === 'auth-server' ? 'as' : 'admin');
        const row: TokenRow = {
          id: createTokenId(),
          name,
          role,
          projects: projects ? [...new Set(projects)] : null,
          tokenHash: hashToken(token),
          settled: false,
          createdAt: write.at,
          expiresAt: new Date(write.at.getTime() + lifeSeconds * 1000),
          revokedAt: null,
          lastUsedAt: null,
        };
        await write.tx.insert(accessTokens).values(row);
        write.audit('access_token.created', { tokenId: row.id });
        return { answer: { ...tokenOf(row, write.at), token }, kept: { id: row.id } };
      },
      again({ id }) {
        const detail = `the token ${id} was made by the same call before, and shown: revoke it and make another`;
        throw new Refusal('secret_shown_already', detail);
      },
    }),
  );
}

/** One page of tokens, ordered by when they were made. */
export async function listApiTokens(
  { store, now }: Registry,
  { role, state, after, limit }: TokenFilter & { readonly after?: TokenKey | undefined; readonly limit: number },
): Promise<Page<AccessToken, TokenKey>> {
  const at = new Date(now());
  const rows = await store.db
    .select()
    .from(accessTokens)
    .where(
      and(
        role && eq(accessTokens.role, role),
        state && isInState(state, at),
        after &&
          sql`(${accessTokens.createdAt}, ${accessTokens.id}) > (${new Date(after[0]).toISOString()}::timestamptz, ${after[1]})`,
      ),
    )
    .orderBy(asc(accessTokens.createdAt), asc(accessTokens.id))
    .limit(limit + 1);
  return toPage(rows, limit, {
    item: row => tokenOf(row, at),
    key: row => [row.createdAt.getTime(), row.id] as const,
  });
}

/**
 * Revokes a token for good. Repeatable.
 *
 * @throws Refusal `token_unknown`, `token_settled`
 */
export function revokeApiToken(registry: Registry, actor: Actor, id: string): Promise<AccessToken> {
  return writeTo(registry, actor, async write => {
    const [row] = await write.tx.select().from(accessTokens).where(eq(accessTokens.id, id));
    if (row === undefined) throw new Refusal('token_unknown', 'no token has this id');
    if (row.settled) {
      const detail =
        'this token comes from the environment or a file, and would be back at the next start: replace it there';
      throw new Refusal('token_settled', detail);
    }
    if (row.revokedAt !== null) return tokenOf(row, write.at);
    await write.tx.update(accessTokens).set({ revokedAt: write.at }).where(eq(accessTokens.id, id));
    write.audit('access_token.revoked', { tokenId: id });
    return tokenOf({ ...row, revokedAt: write.at }, write.at);
  });
}

function isInState(state: TokenState, at: Date) {
  const { revokedAt, expiresAt } = accessTokens;
  if (state === 'revoked') return isNotNull(revokedAt);
  if (state === 'expired') return and(isNull(revokedAt), lte(expiresAt, at));
  return and(isNull(revokedAt), or(isNull(expiresAt), gt(expiresAt, at)));
}

function tokenOf(row: TokenRow, at: Date): AccessToken {
  const { id, name, role, projects, settled, createdAt, expiresAt, revokedAt, lastUsedAt } = row;
  const isOver = expiresAt !== null && expiresAt <= at;
  return {
    id,
    name,
    role,
    ...(projects && { projects }),
    tokenState: revokedAt ? 'revoked' : isOver ? 'expired' : 'active',
    settled,
    createdAt: toSeconds(createdAt),
    ...(expiresAt && { expiresAt: toSeconds(expiresAt) }),
    ...(revokedAt && { revokedAt: toSeconds(revokedAt) }),
    ...(lastUsedAt && { lastUsedAt: toSeconds(lastUsedAt) }),
  };
}

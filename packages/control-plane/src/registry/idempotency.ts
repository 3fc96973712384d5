import { and, eq, gt, lt } from 'drizzle-orm';
import { Refusal } from '../problems/refusal.ts';
import type { Database } from '../store/database.ts';
import { idempotentCalls } from '../store/schema.ts';
import type { Write } from '../store/write.ts';

/** A creating call that may come more than once, and is to have one effect. */
export interface Idempotency {
  /** Of the caller. */
  readonly tokenId: string;
  /** That he chose. */
  readonly key: string;
  /** SHA-256 in hex of all that the call says. */
  readonly requestHash: string;
}

export interface Once<T, K> {
  /** Does it. What is `kept` to answer from again holds nothing that may be shown only once. */
  first(): Promise<{ answer: T; kept: K }>;
  again(kept: K): T | Promise<T>;
}

const KEPT_MS = 86_400_000;

/**
 * Does something once for each idempotency key, within 24 hours, as a part of a write: the lock that all writes hold
 * lets one of several calls at the same time be the first. Of a call that is refused, nothing is kept.
 *
 * @throws Refusal `idempotency_key_reused`
 */
export async function once<T, K>(write: Write, call: Idempotency | undefined, steps: Once<T, K>): Promise<T> {
  if (call === undefined) return (await steps.first()).answer;
  const { tokenId, key, requestHash } = call;
  const isCall = and(eq(idempotentCalls.tokenId, tokenId), eq(idempotentCalls.key, key));
  const since = new Date(write.at.getTime() - KEPT_MS);
  const [known] = await write.tx
    .select()
    .from(idempotentCalls)
    .where(and(isCall, gt(idempotentCalls.at, since)));
  if (known !== undefined) {
    if (known.requestHash === requestHash) return steps.again(known.kept as K);
    throw new Refusal('idempotency_key_reused', 'the idempotency key came with another call before: choose a new one');
  }
  const { answer, kept } = await steps.first();
  await write.tx.delete(idempotentCalls).where(isCall);
  await write.tx.insert(idempotentCalls).values({ tokenId, key, requestHash, kept, at: write.at });
  return answer;
}

export async function forgetIdempotentCalls(db: Database, nowMs: number): Promise<void> {
  await db.delete(idempotentCalls).where(lt(idempotentCalls.at, new Date(nowMs - KEPT_MS)));
}

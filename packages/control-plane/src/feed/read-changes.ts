import { asc, gt, lte, sql } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { changes, counter } from '../store/schema.ts';
import type { Change } from '../wire/changes.ts';

/**
 * Changes behind a revision, as of one moment.
 * - `page`: they follow it without a gap; `revision` is the newest of all, which the page may not reach
 * - `lost`: they were compacted away, or the revision lies in the future
 */
export type ChangePage =
  | { readonly kind: 'page'; readonly revision: number; readonly changes: readonly Change[] }
  | { readonly kind: 'lost'; readonly revision: number };

export type ReadChanges = (after: number, limit: number) => Promise<ChangePage>;

/** Every revision has one row, so a gap says that rows were compacted away. */
export function readChangesOf(db: Database): ReadChanges {
  return async (after, limit) => {
    const newer = db
      .select({ revision: changes.revision, at: changes.at, body: changes.body })
      .from(changes)
      .where(gt(changes.revision, after))
      .orderBy(asc(changes.revision))
      .limit(limit)
      .as('newer');
    const rows = await db
      .select({ current: counter.revision, revision: newer.revision, at: newer.at, body: newer.body })
      .from(counter)
      .leftJoin(newer, sql`true`)
      .orderBy(asc(newer.revision));
    const revision = rows[0]?.current;
    if (revision === undefined) throw new Error('the counter row is missing');
    const found = rows.flatMap(row =>
      row.revision !== null && row.at && row.body ? [{ revision: row.revision, at: row.at, body: row.body }] : [],
    );
    const gapless = found.every((change, at) => change.revision === after + 1 + at);
    const missing = Math.min(limit, revision - after);
    return gapless && found.length === missing
      ? { kind: 'page', revision, changes: found }
      : { kind: 'lost', revision };
  };
}

/** The newest revision. */
export async function currentRevision(db: Database): Promise<number> {
  const [row] = await db.select({ revision: counter.revision }).from(counter);
  if (row === undefined) throw new Error('the counter row is missing');
  return row.revision;
}

/** Removes all but the newest `keepRows` changes. A follower that needed one of them is told to start over. */
export async function compactChanges(db: Database, keepRows: number): Promise<void> {
  await db
    .delete(changes)
    .where(lte(changes.revision, sql`(select ${counter.revision} from ${counter}) - ${keepRows}::bigint`));
}

import { type Column, inArray, type SQL, sql } from 'drizzle-orm';
import type { Projects } from '../tokens/token-book.ts';

/** A part of a list that is ordered by a key: `next`, the key of its last item, if there are more. */
export interface Page<T, K> {
  readonly items: T[];
  readonly next?: K;
}

/** Makes a page of rows, of which one more was read than the page holds. */
export function toPage<R, T, K>(
  rows: readonly R[],
  limit: number,
  { item, key }: { item: (row: R) => T; key: (row: R) => K },
): Page<T, K> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const items = shown.map(item);
  return rows.length > limit && last !== undefined ? { items, next: key(last) } : { items };
}

/** The condition that a row is of projects within reach; none if all are. */
export function withinReach(column: Column | SQL, reach: Projects): SQL | undefined {
  return reach === 'all' ? undefined : inArray(sql`${column}`, [...reach]);
}

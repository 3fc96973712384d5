import { and, asc, eq, lte } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { keys, keyUse } from '../store/schema.ts';
import type { Write } from '../store/write.ts';
import { changeKey, type FoundKey, findKey } from './records.ts';
import { type Registry, toSeconds, writeTo } from './registry.ts';

const MAX_AT_ONCE = 100;

/**
 * Retires keys that were renewed, whose overlap has ended, and whose successor has been seen, and returns how many. A
 * piped that never gets to show its new key keeps the old one, until that ends by itself.
 */
export async function retireKeys(registry: Registry): Promise<number> {
  // Mostly there is none, and then nobody's write has to wait.
  if ((await keysToRetire(registry.store.db, registry.now())).length === 0) return 0;
  return writeTo(registry, { role: 'system' }, async write => {
    const due = await keysToRetire(write.tx, write.at.getTime());
    for (const { kid } of due) {
      const found = await findKey(write.tx, kid);
      if (found) await changeKey(write, found, { status: 'retired' }, 'key.retired');
    }
    return due.length;
  });
}

/** Retires what a key, which has just been seen, took the place of, if the overlap has ended. */
export async function retireBehind(write: Write, { key: seen, piped, project }: FoundKey): Promise<void> {
  const behind = await write.tx
    .select()
    .from(keys)
    .where(
      and(eq(keys.supersededBy, seen.kid), eq(keys.status, 'active'), lte(keys.overlapEndsAt, toSeconds(write.at))),
    );
  for (const key of behind) await changeKey(write, { key, piped, project }, { status: 'retired' }, 'key.retired');
}

function keysToRetire(db: Database, nowMs: number) {
  return db
    .select({ kid: keys.kid })
    .from(keys)
    .innerJoin(keyUse, eq(keyUse.kid, keys.supersededBy))
    .where(and(eq(keys.status, 'active'), lte(keys.overlapEndsAt, toSeconds(nowMs))))
    .orderBy(asc(keys.overlapEndsAt))
    .limit(MAX_AT_ONCE);
}

import { and, asc, eq, isNotNull, lte } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { keys } from '../store/schema.ts';
import { changeKey, findKey } from './records.ts';
import { type Registry, toSeconds, writeTo } from './registry.ts';

const MAX_AT_ONCE = 100;

/**
 * Retires keys that were renewed and whose overlap has ended, and returns how many. Nothing depends on when: from the
 * end of the overlap on, their `notAfter` is in the past.
 */
export async function retireKeys(registry: Registry): Promise<number> {
  // Mostly there is none, and then nobody's write has to wait.
  if ((await keysToRetire(registry.store.db, registry.now())).length === 0) return 0;
  return writeTo(registry, { role: 'system' }, async write => {
    const due = await keysToRetire(write.tx, write.at.getTime());
    for (const { kid } of due) {
      const { found } = await findKey(write.tx, kid);
      if (found) await changeKey(write, found, { status: 'retired' }, 'key.retired');
    }
    return due.length;
  });
}

function keysToRetire(db: Database, nowMs: number) {
  return db
    .select({ kid: keys.kid })
    .from(keys)
    .where(and(isNotNull(keys.supersededBy), eq(keys.status, 'active'), lte(keys.notAfter, toSeconds(nowMs))))
    .orderBy(asc(keys.notAfter))
    .limit(MAX_AT_ONCE);
}

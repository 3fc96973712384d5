import { inArray, sql } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { keys, keyUse, pipedRefusals } from '../store/schema.ts';
import type { UsageReport } from '../wire/usage.ts';
import type { Registry } from './registry.ts';

interface KeyUse {
  readonly kid: string;
  readonly lastUsedAt: Date;
}

/** Notes when keys were last used; an earlier time than the one that is known changes nothing. */
export async function noteUse(db: Database, uses: readonly KeyUse[]): Promise<void> {
  if (uses.length === 0) return;
  await db
    .insert(keyUse)
    .values([...uses])
    .onConflictDoUpdate({
      target: keyUse.kid,
      set: { lastUsedAt: sql`greatest(${keyUse.lastUsedAt}, excluded.last_used_at)` },
    });
}

/**
 * Takes in what an auth server has seen. It is no change of the registry: followers are not told, and the audit says
 * nothing of it. Kids that no key has are left out, and times in the future are now.
 *
 * @returns how many of its entries were taken
 */
export async function takeUsageReport(registry: Registry, report: UsageReport): Promise<number> {
  const kids = [...new Set([...report.keys, ...report.refusals].map(({ kid }) => kid))];
  if (kids.length === 0) return 0;
  const nowMs = registry.now();
  const at = (seconds: number) => new Date(Math.min(seconds * 1000, nowMs));
  return registry.store.transaction(async tx => {
    const known = await tx
      .select({ kid: keys.kid, project: keys.project, piped: keys.piped })
      .from(keys)
      .where(inArray(keys.kid, kids));
    const owners = new Map(known.map(({ kid, ...owner }) => [kid, owner]));
    const uses = new Map<string, Date>();
    for (const { kid, lastUsedAt } of report.keys) {
      const before = uses.get(kid);
      const time = at(lastUsedAt);
      if (owners.has(kid) && (before === undefined || before < time)) uses.set(kid, time);
    }
    // In one order in all reports, so that none waits for another in a circle.
    await noteUse(
      tx,
      [...uses].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kid, lastUsedAt]) => ({ kid, lastUsedAt })),
    );
    const refusals = new Map<string, typeof pipedRefusals.$inferInsert>();
    let taken = uses.size;
    for (const { kid, verified, count, lastReason, lastAt } of report.refusals) {
      const owner = owners.get(kid);
      if (owner === undefined) continue;
      taken++;
      const id = `${owner.project}/${owner.piped}/${verified}`;
      const before = refusals.get(id);
      const newer = { lastReason, lastAt: at(lastAt) };
      const last = before === undefined || before.lastAt < newer.lastAt ? newer : before;
      refusals.set(id, {
        ...{ ...owner, verified, count: count + (before?.count ?? 0) },
        ...{ lastReason: last.lastReason, lastAt: last.lastAt },
      });
    }
    await addRefusals(
      tx,
      [...refusals].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row),
    );
    return taken;
  });
}

async function addRefusals(tx: Database, rows: (typeof pipedRefusals.$inferInsert)[]): Promise<void> {
  if (rows.length === 0) return;
  const { project, piped, verified, count, lastReason, lastAt } = pipedRefusals;
  await tx
    .insert(pipedRefusals)
    .values(rows)
    .onConflictDoUpdate({
      target: [project, piped, verified],
      set: {
        count: sql`${count} + excluded.count`,
        lastReason: sql`case when excluded.last_at >= ${lastAt} then excluded.last_reason else ${lastReason} end`,
        lastAt: sql`greatest(${lastAt}, excluded.last_at)`,
      },
    });
}

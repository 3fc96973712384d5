import { inArray, sql } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { keys, keyUse, pipedRefusals, pipeds, pipedUse } from '../store/schema.ts';
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
  const nowMs = registry.now();
  const at = (seconds: number) => new Date(Math.min(seconds * 1000, nowMs));
  return (await takeKeys(registry, report, at)) + (await takePipeds(registry, report, at));
}

type At = (seconds: number) => Date;

async function takeKeys(registry: Registry, report: UsageReport, at: At): Promise<number> {
  const kids = [...new Set([...report.keys, ...report.refusals].map(({ kid }) => kid))];
  if (kids.length === 0) return 0;
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

/** Only of pipeds that are registered: authenticators may know others, out of files. */
async function takePipeds({ store }: Registry, { pipeds: reported }: UsageReport, at: At): Promise<number> {
  if (reported.length === 0) return 0;
  const uses = new Map<string, { project: string; piped: string; authenticator: string; lastUsedAt: string }>();
  for (const { lastUsedAt, ...use } of reported) {
    const id = `${use.project}/${use.piped}/${use.authenticator}`;
    const time = at(lastUsedAt).toISOString();
    if ((uses.get(id)?.lastUsedAt ?? '') < time) uses.set(id, { ...use, lastUsedAt: time });
  }
  // In one order in all reports, so that none waits for another in a circle.
  const { rows } = (await store.db.execute(sql`
    insert into ${pipedUse} (project, piped, authenticator, last_used_at)
    select reported.project, reported.piped, reported.authenticator, reported."lastUsedAt"
    from jsonb_to_recordset(${JSON.stringify([...uses.values()])}::jsonb)
      as reported (project text, piped text, authenticator text, "lastUsedAt" timestamptz)
    join ${pipeds} on ${pipeds.project} = reported.project and ${pipeds.piped} = reported.piped
    order by 1, 2, 3
    on conflict (project, piped, authenticator)
      do update set last_used_at = greatest(${pipedUse.lastUsedAt}, excluded.last_used_at)
    returning 1`)) as { rows: unknown[] };
  return rows.length;
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

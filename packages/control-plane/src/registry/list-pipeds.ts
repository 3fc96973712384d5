import type { Signal } from '@spanpass/credential';
import { and, asc, type Column, eq, gt, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { keys, keyUse, pipecdKeys, pipedRefusals, pipeds, pipedUse, projects } from '../store/schema.ts';
import type { Projects } from '../tokens/token-book.ts';
import type { Status } from '../wire/keys.ts';
import type { ListedPiped, Refusals } from '../wire/pipeds.ts';
import { type Page, toPage, withinReach } from './page.ts';
import type { PipedRow } from './records.ts';
import { type Registry, toSeconds } from './registry.ts';

/** What the list is ordered by. */
export type PipedKey = readonly [project: string, piped: string];

export interface PipedFilter {
  readonly reach: Projects;
  readonly project?: string | undefined;
  readonly piped?: string | undefined;
  readonly status?: Status | undefined;
  /** A part of the piped's name, in small letters or capitals. */
  readonly search?: string | undefined;
}

/** One page of pipeds, ordered by project and piped. */
export async function listPipeds(
  { store, now }: Registry,
  filter: PipedFilter & { readonly after?: PipedKey | undefined; readonly limit: number },
): Promise<Page<ListedPiped, PipedKey>> {
  const { reach, project, piped, status, search, after, limit } = filter;
  const nowSeconds = toSeconds(now());
  const ofPiped = sql`${keys.project} = ${pipeds.project} and ${keys.piped} = ${pipeds.piped}`;
  const activeKeys = sql<number>`(select count(*)::int from ${keys} where ${ofPiped}
    and ${keys.status} = 'active' and ${gt(keys.notAfter, nowSeconds)})`;
  const lastKey = sql<{ notBefore: number; notAfter: number } | null>`(select json_build_object(
    'notBefore', max(${keys.notBefore}), 'notAfter', max(${keys.notAfter}))
    from ${keys} where ${ofPiped} and ${keys.status} = 'active')`;
  const lastSeenAt = sql<number | null>`(select floor(extract(epoch from max(${keyUse.lastUsedAt})))::float8
    from ${keys} join ${keyUse} on ${keyUse.kid} = ${keys.kid} where ${ofPiped})`;
  const oldKeys = sql<number>`coalesce((select cardinality(${pipecdKeys.hashes}) from ${pipecdKeys}
    where ${pipecdKeys.project} = ${pipeds.project} and ${pipecdKeys.piped} = ${pipeds.piped}), 0)`;
  const rows = await store.db
    .select({ piped: pipeds, projectStatus: projects.status, keys: activeKeys, lastKey, lastSeenAt, oldKeys })
    .from(pipeds)
    .innerJoin(projects, eq(projects.project, pipeds.project))
    .where(
      and(
        withinReach(pipeds.project, reach),
        project === undefined ? undefined : eq(pipeds.project, project),
        piped === undefined ? undefined : eq(pipeds.piped, piped),
        status && eq(pipeds.status, status),
        search === undefined ? undefined : sql`position(lower(${search}) in lower(${pipeds.piped})) > 0`,
        after && sql`(${pipeds.project}, ${pipeds.piped}) > (${after[0]}, ${after[1]})`,
      ),
    )
    .orderBy(asc(pipeds.project), asc(pipeds.piped))
    .limit(limit + 1);
  const shown = rows.map(({ piped }) => piped);
  const [refusals, uses] = [await refusalsOf(store.db, shown), await usesOf(store.db, shown)];
  return toPage(rows, limit, {
    item: row => ({
      ...seen(row.lastSeenAt, uses.get(`${row.piped.project}/${row.piped.piped}`) ?? []),
      project: row.piped.project,
      piped: row.piped.piped,
      pipedStatus: row.piped.status,
      projectStatus: row.projectStatus,
      scopes: row.piped.scopes as Signal[],
      createdAt: toSeconds(row.piped.createdAt),
      keys: row.keys,
      ...(row.lastKey?.notAfter && { newestKeySince: row.lastKey.notBefore, keysEndAt: row.lastKey.notAfter }),
      pipecdKeys: row.oldKeys,
      refusals: refusals.get(`${row.piped.project}/${row.piped.piped}`) ?? {},
    }),
    key: ({ piped }) => [piped.project, piped.piped] as const,
  });
}

type Use = ListedPiped['lastSeenBy'][number];

/** When it was seen at all, and by what it was known then. */
function seen(byKeyAt: number | null, others: readonly Use[]): Pick<ListedPiped, 'lastSeenAt' | 'lastSeenBy'> {
  const own = byKeyAt === null ? [] : [{ authenticator: 'piped-jwt', lastSeenAt: byKeyAt }];
  const lastSeenBy = [...own, ...others].sort((a, b) => b.lastSeenAt - a.lastSeenAt);
  const [last] = lastSeenBy;
  return { lastSeenBy, ...(last && { lastSeenAt: last.lastSeenAt }) };
}

/** By what else than their own keys the pipeds of a page were known. */
async function usesOf(db: Database, page: readonly PipedRow[]): Promise<ReadonlyMap<string, Use[]>> {
  const found = new Map<string, Use[]>();
  const within = between(pipedUse, page);
  if (within === undefined) return found;
  for (const { project, piped, authenticator, lastUsedAt } of await db.select().from(pipedUse).where(within)) {
    const id = `${project}/${piped}`;
    found.set(id, [...(found.get(id) ?? []), { authenticator, lastSeenAt: toSeconds(lastUsedAt) }]);
  }
  return found;
}

/** The condition that a row is of the pipeds from the first to the last of a page. */
function between({ project, piped }: Record<'project' | 'piped', Column>, page: readonly PipedRow[]): SQL | undefined {
  const [first, last] = [page[0], page.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  return sql`(${project}, ${piped}) >= (${first.project}, ${first.piped}) and (${project}, ${piped}) <= (${last.project}, ${last.piped})`;
}

/** What was refused of the pipeds from the first to the last of a page. */
async function refusalsOf(db: Database, page: readonly PipedRow[]): Promise<ReadonlyMap<string, Refusals>> {
  const found = new Map<string, Refusals>();
  const within = between(pipedRefusals, page);
  if (within === undefined) return found;
  for (const row of await db.select().from(pipedRefusals).where(within)) {
    const id = `${row.project}/${row.piped}`;
    const { count, lastReason, lastAt } = row;
    const refused = { count, lastReason, lastAt: toSeconds(lastAt) };
    found.set(id, { ...found.get(id), [row.verified ? 'verified' : 'claimed']: refused });
  }
  return found;
}

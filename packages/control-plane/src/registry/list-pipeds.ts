import type { Signal } from '@spanpass/credential';
import { and, asc, type Column, eq, gt, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { keys, keyUse, pipecdKeys, pipedRefusals, pipeds, pipedUse, projects } from '../store/schema.ts';
import type { Projects } from '../tokens/token-book.ts';
import type { Status } from '../wire/keys.ts';
import type { ListedPiped, Refusals } from '../wire/pipeds.ts';
import { type Page, toPage, withinReach } from './page.ts';
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

/**
 * One page of pipeds, ordered by project and piped. Of a search, a page is what was found among the next so many pipeds:
 * it may hold fewer than `limit`, or none, and yet be followed by another one.
 */
export async function listPipeds(
  { store: { db }, now }: Pick<Registry, 'store' | 'now'>,
  { search, ...filter }: PipedFilter & { readonly after?: PipedKey | undefined; readonly limit: number },
): Promise<Page<ListedPiped, PipedKey>> {
  const end = search === undefined ? undefined : await endOfSearch(db, filter);
  const wanted = and(
    matches(filter),
    search === undefined ? undefined : sql`position(lower(${search}) in lower(${pipeds.piped})) > 0`,
    end && sql`${key} <= (${end[0]}, ${end[1]})`,
  );
  const page = toPage(await readRows(db, { wanted, limit: filter.limit, nowSeconds: toSeconds(now()) }), filter.limit, {
    item: itemOf,
    key: ({ project, piped }) => [project, piped] as const,
  });
  return end === undefined || page.next !== undefined ? page : { ...page, next: end };
}

/** No index finds parts of names, so that many are looked at for one page. */
const SEARCHED_AT_ONCE = 20_000;

const key = sql`(${pipeds.project}, ${pipeds.piped})`;

/** What an index finds. */
function matches({ reach, project, piped, status, after }: PipedFilter & { readonly after?: PipedKey | undefined }) {
  return and(
    withinReach(pipeds.project, reach),
    project === undefined ? undefined : eq(pipeds.project, project),
    piped === undefined ? undefined : eq(pipeds.piped, piped),
    status && eq(pipeds.status, status),
    after && sql`${key} > (${after[0]}, ${after[1]})`,
  );
}

/** How far one page of a search looks; all of the rest, if that is not far. */
async function endOfSearch(
  db: Database,
  filter: PipedFilter & { readonly after?: PipedKey | undefined },
): Promise<PipedKey | undefined> {
  const [row] = await db
    .select({ project: pipeds.project, piped: pipeds.piped })
    .from(pipeds)
    .where(matches(filter))
    .orderBy(asc(pipeds.project), asc(pipeds.piped))
    .offset(SEARCHED_AT_ONCE - 1)
    .limit(1);
  return row && [row.project, row.piped];
}

/** As the drivers hand it over: a page is too long to have each value mapped. */
interface Row {
  readonly project: string;
  readonly piped: string;
  readonly status: Status;
  readonly scopes: readonly Signal[];
  readonly created_at: number;
  readonly project_status: Status;
  readonly active: number;
  readonly last_not_before: number | null;
  readonly last_not_after: number | null;
  readonly seen_at: number | null;
  readonly pipecd_keys: number;
  readonly other_use: readonly Use[] | null;
  readonly refusals: Refusals | null;
}

/** The page is found first, and then all else for each piped of it: by its index, however far apart they lie. */
async function readRows(
  db: Database,
  { wanted, limit, nowSeconds }: { readonly wanted: SQL | undefined; readonly limit: number; nowSeconds: number },
): Promise<readonly Row[]> {
  const page = db
    .select()
    .from(pipeds)
    .where(wanted)
    .orderBy(asc(pipeds.project), asc(pipeds.piped))
    .limit(limit + 1)
    .as('page');
  const of = (table: Record<'project' | 'piped', Column>) =>
    and(eq(table.project, page.project), eq(table.piped, page.piped));
  const seconds = (time: Column | SQL) => sql`floor(extract(epoch from ${time}))::float8`;
  const isActive = sql`${keys.status} = 'active'`;
  const { rows } = (await db.execute(sql`
    select ${page.project}, ${page.piped}, ${page.status}, ${page.scopes}, ${seconds(page.createdAt)} as created_at,
      ${projects.status} as project_status, own.*, coalesce(cardinality(${pipecdKeys.hashes}), 0) as pipecd_keys,
      (select json_agg(json_build_object('authenticator', ${pipedUse.authenticator}, 'lastSeenAt', ${seconds(pipedUse.lastUsedAt)}))
        from ${pipedUse} where ${of(pipedUse)}) as other_use,
      (select json_object_agg(case when ${pipedRefusals.verified} then 'verified' else 'claimed' end, json_build_object(
          'count', ${pipedRefusals.count}, 'lastReason', ${pipedRefusals.lastReason}, 'lastAt', ${seconds(pipedRefusals.lastAt)}))
        from ${pipedRefusals} where ${of(pipedRefusals)}) as refusals
    from ${page}
    join ${projects} on ${eq(projects.project, page.project)}
    left join ${pipecdKeys} on ${of(pipecdKeys)}
    cross join lateral (
      select count(*) filter (where ${isActive} and ${gt(keys.notAfter, nowSeconds)})::int as active,
        (max(${keys.notBefore}) filter (where ${isActive}))::float8 as last_not_before,
        (max(${keys.notAfter}) filter (where ${isActive}))::float8 as last_not_after,
        ${seconds(sql`max(${keyUse.lastUsedAt})`)} as seen_at
      from ${keys} left join ${keyUse} on ${eq(keyUse.kid, keys.kid)}
      where ${of(keys)}) as own
    order by ${page.project}, ${page.piped}`)) as unknown as { rows: Row[] };
  return rows;
}

function itemOf(row: Row): ListedPiped {
  const lastSeenBy = seenBy(row.seen_at, row.other_use ?? []);
  // By hand, and not by spreading parts: a page has a thousand of them.
  const item: { -readonly [K in keyof ListedPiped]: ListedPiped[K] } = {
    lastSeenBy,
    project: row.project,
    piped: row.piped,
    pipedStatus: row.status,
    projectStatus: row.project_status,
    scopes: [...row.scopes],
    createdAt: row.created_at,
    keys: row.active,
    pipecdKeys: row.pipecd_keys,
    refusals: row.refusals ?? {},
  };
  const [last] = lastSeenBy;
  if (last) item.lastSeenAt = last.lastSeenAt;
  if (row.last_not_before !== null && row.last_not_after !== null) {
    item.newestKeySince = row.last_not_before;
    item.keysEndAt = row.last_not_after;
  }
  return item;
}

type Use = ListedPiped['lastSeenBy'][number];

/** By what it was known when, the last first. */
function seenBy(byKeyAt: number | null, others: readonly Use[]): Use[] {
  const own = byKeyAt === null ? [] : [{ authenticator: 'piped-jwt', lastSeenAt: byKeyAt }];
  return others.length === 0 ? own : [...own, ...others].sort((a, b) => b.lastSeenAt - a.lastSeenAt);
}

import type { Signal } from '@spanpass/credential';
import { and, asc, eq, gt, sql } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { keys, keyUse, pipedRefusals, pipeds, projects } from '../store/schema.ts';
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
  readonly status?: Status | undefined;
}

/** One page of pipeds, ordered by project and piped. */
export async function listPipeds(
  { store, now }: Registry,
  filter: PipedFilter & { readonly after?: PipedKey | undefined; readonly limit: number },
): Promise<Page<ListedPiped, PipedKey>> {
  const { reach, project, status, after, limit } = filter;
  const nowSeconds = toSeconds(now());
  const ofPiped = sql`${keys.project} = ${pipeds.project} and ${keys.piped} = ${pipeds.piped}`;
  const activeKeys = sql<number>`(select count(*)::int from ${keys} where ${ofPiped}
    and ${keys.status} = 'active' and ${gt(keys.notAfter, nowSeconds)})`;
  const lastSeenAt = sql<number | null>`(select floor(extract(epoch from max(${keyUse.lastUsedAt})))::float8
    from ${keys} join ${keyUse} on ${keyUse.kid} = ${keys.kid} where ${ofPiped})`;
  const rows = await store.db
    .select({ piped: pipeds, projectStatus: projects.status, keys: activeKeys, lastSeenAt })
    .from(pipeds)
    .innerJoin(projects, eq(projects.project, pipeds.project))
    .where(
      and(
        withinReach(pipeds.project, reach),
        project === undefined ? undefined : eq(pipeds.project, project),
        status && eq(pipeds.status, status),
        after && sql`(${pipeds.project}, ${pipeds.piped}) > (${after[0]}, ${after[1]})`,
      ),
    )
    .orderBy(asc(pipeds.project), asc(pipeds.piped))
    .limit(limit + 1);
  const refusals = await refusalsOf(
    store.db,
    rows.map(({ piped }) => piped),
  );
  return toPage(rows, limit, {
    item: row => ({
      project: row.piped.project,
      piped: row.piped.piped,
      pipedStatus: row.piped.status,
      projectStatus: row.projectStatus,
      scopes: row.piped.scopes as Signal[],
      createdAt: toSeconds(row.piped.createdAt),
      keys: row.keys,
      ...(row.lastSeenAt !== null && { lastSeenAt: row.lastSeenAt }),
      refusals: refusals.get(`${row.piped.project}/${row.piped.piped}`) ?? {},
    }),
    key: ({ piped }) => [piped.project, piped.piped] as const,
  });
}

/** What was refused of the pipeds from the first to the last of a page. */
async function refusalsOf(db: Database, page: readonly PipedRow[]): Promise<ReadonlyMap<string, Refusals>> {
  const [first, last] = [page[0], page.at(-1)];
  const found = new Map<string, Refusals>();
  if (first === undefined || last === undefined) return found;
  const { project, piped } = pipedRefusals;
  const rows = await db
    .select()
    .from(pipedRefusals)
    .where(
      sql`(${project}, ${piped}) >= (${first.project}, ${first.piped}) and (${project}, ${piped}) <= (${last.project}, ${last.piped})`,
    );
  for (const row of rows) {
    const id = `${row.project}/${row.piped}`;
    const { count, lastReason, lastAt } = row;
    const refused = { count, lastReason, lastAt: toSeconds(lastAt) };
    found.set(id, { ...found.get(id), [row.verified ? 'verified' : 'claimed']: refused });
  }
  return found;
}

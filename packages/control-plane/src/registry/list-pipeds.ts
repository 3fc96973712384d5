import type { Signal } from '@spanpass/credential';
import { and, asc, eq, gt, sql } from 'drizzle-orm';
import { keys, pipeds, projects } from '../store/schema.ts';
import type { ListedPiped } from '../wire/pipeds.ts';
import type { PipedId } from './pipeds.ts';
import { type Registry, toSeconds } from './registry.ts';

export interface PipedPage {
  readonly items: ListedPiped[];
  /** The last of this page, if there are more. */
  readonly next?: PipedId;
}

/** One page of pipeds, ordered by project and piped. */
export async function listPipeds(
  { store, now }: Registry,
  { project, after, limit }: { readonly project?: string; readonly after?: PipedId; readonly limit: number },
): Promise<PipedPage> {
  const nowSeconds = toSeconds(now());
  const activeKeys = sql<number>`(select count(*)::int from ${keys} where ${keys.project} = ${pipeds.project}
    and ${keys.piped} = ${pipeds.piped} and ${keys.status} = 'active' and ${gt(keys.notAfter, nowSeconds)})`;
  const rows = await store.db
    .select({ piped: pipeds, projectStatus: projects.status, keys: activeKeys })
    .from(pipeds)
    .innerJoin(projects, eq(projects.project, pipeds.project))
    .where(
      and(
        project === undefined ? undefined : eq(pipeds.project, project),
        after && sql`(${pipeds.project}, ${pipeds.piped}) > (${after.project}, ${after.piped})`,
      ),
    )
    .orderBy(asc(pipeds.project), asc(pipeds.piped))
    .limit(limit + 1);
  const items = rows.slice(0, limit).map(row => ({
    project: row.piped.project,
    piped: row.piped.piped,
    pipedStatus: row.piped.status,
    projectStatus: row.projectStatus,
    scopes: row.piped.scopes as Signal[],
    createdAt: toSeconds(row.piped.createdAt),
    keys: row.keys,
  }));
  const last = items.at(-1);
  return rows.length > limit && last ? { items, next: { project: last.project, piped: last.piped } } : { items };
}

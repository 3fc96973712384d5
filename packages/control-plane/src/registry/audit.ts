import { and, asc, desc, eq, gt, gte, lt, sql } from 'drizzle-orm';
import { audit } from '../store/schema.ts';
import type { Projects } from '../tokens/token-book.ts';
import type { AuditAction, AuditRow } from '../wire/audit.ts';
import { type Page, toPage, withinReach } from './page.ts';
import { type Registry, toSeconds } from './registry.ts';

export interface AuditFilter {
  readonly reach: Projects;
  readonly project?: string | undefined;
  readonly piped?: string | undefined;
  readonly action?: AuditAction | undefined;
  /** NumericDate seconds: from this one on. */
  readonly from?: number | undefined;
  /** NumericDate seconds: before this one. */
  readonly until?: number | undefined;
  /** Default `oldest`. */
  readonly order?: 'oldest' | 'newest' | undefined;
}

/** Audit rows in the order of the writes or against it, from the one behind `after` on. */
export async function listAudit(
  { store }: Registry,
  filter: AuditFilter & { readonly after?: number | undefined; readonly limit: number },
): Promise<Page<AuditRow, number>> {
  const { reach, project, piped, action, from, until, order, after, limit } = filter;
  const projectOfRow = sql`(${audit.target} ->> 'project')`;
  const rows = await store.db
    .select()
    .from(audit)
    .where(
      and(
        after === undefined ? undefined : order === 'newest' ? lt(audit.seq, after) : gt(audit.seq, after),
        withinReach(projectOfRow, reach),
        project === undefined ? undefined : sql`${projectOfRow} = ${project}`,
        piped === undefined ? undefined : sql`${audit.target} ->> 'piped' = ${piped}`,
        action && eq(audit.action, action),
        from === undefined ? undefined : gte(audit.at, new Date(from * 1000)),
        until === undefined ? undefined : lt(audit.at, new Date(until * 1000)),
      ),
    )
    .orderBy(order === 'newest' ? desc(audit.seq) : asc(audit.seq))
    .limit(limit + 1);
  return toPage(rows, limit, {
    item: auditRowOf,
    key: row => row.seq,
  });
}

/** A row as it is sent. */
export function auditRowOf(row: typeof audit.$inferSelect): AuditRow {
  const { seq, at, role, tokenId, person, peerAddress, action, target, revision, hash } = row;
  return {
    seq,
    at: toSeconds(at),
    atMs: at.getTime(),
    actor: {
      role,
      ...(tokenId !== null && { tokenId }),
      ...(person !== null && { person }),
      ...(peerAddress !== null && { peerAddress }),
    },
    action,
    target,
    revision,
    hash,
  };
}

import type { KeyRecord, Signal } from '@spanpass/credential';
import { and, eq, getTableColumns, type SQL } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { counter, keys, pipeds, projects } from '../store/schema.ts';
import type { Write } from '../store/write.ts';
import type { AuditAction } from '../wire/audit.ts';

export type KeyRow = typeof keys.$inferSelect;
export type PipedRow = typeof pipeds.$inferSelect;
export type ProjectRow = typeof projects.$inferSelect;

/** A key with what its record is made of. */
export interface FoundKey {
  readonly key: KeyRow;
  readonly piped: PipedRow;
  readonly project: ProjectRow;
}

/** The key record of a key, as of the rows given. */
export function recordOf(key: KeyRow, piped: PipedRow, project: ProjectRow): KeyRecord {
  return {
    v: 1,
    kid: key.kid,
    alg: key.alg,
    project: key.project,
    piped: key.piped,
    publicJwk: key.publicJwk,
    scopes: piped.scopes as Signal[],
    keyStatus: key.status,
    pipedStatus: piped.status,
    projectStatus: project.status,
    notBefore: key.notBefore,
    notAfter: key.notAfter,
    revision: Math.max(key.revision, piped.revision, project.revision),
  };
}

/** Keys with their pipeds and projects, and the revision: one statement, so as of one and the same moment. */
export async function findKeys(db: Database, wanted: SQL): Promise<{ revision: number; found: readonly FoundKey[] }> {
  const rows = await db
    .select({
      revision: counter.revision,
      key: getTableColumns(keys),
      piped: getTableColumns(pipeds),
      project: getTableColumns(projects),
    })
    .from(counter)
    .leftJoin(keys, wanted)
    .leftJoin(pipeds, and(eq(pipeds.project, keys.project), eq(pipeds.piped, keys.piped)))
    .leftJoin(projects, eq(projects.project, keys.project));
  const revision = rows[0]?.revision;
  if (revision === undefined) throw new Error('the counter row is missing');
  const found = rows.flatMap(({ key, piped, project }) => (key && piped && project ? [{ key, piped, project }] : []));
  return { revision, found };
}

export async function findKey(db: Database, kid: string): Promise<FoundKey | undefined> {
  const { found } = await findKeys(db, eq(keys.kid, kid));
  return found[0];
}

/** Changes a key as part of a write: its row, with its change for followers and its audit row. */
export async function changeKey(
  write: Write,
  { key, piped, project }: FoundKey,
  changed: Partial<Pick<KeyRow, 'status' | 'supersededBy' | 'overlapEndsAt'>>,
  action: AuditAction,
): Promise<KeyRecord> {
  const row = (revision: number): KeyRow => ({ ...key, ...changed, revision });
  const revision = write.change(next => ({ kind: 'key', record: recordOf(row(next), piped, project) }));
  await write.tx
    .update(keys)
    .set({ ...changed, revision })
    .where(eq(keys.kid, key.kid));
  write.audit(action, { project: key.project, piped: key.piped, kid: key.kid });
  return recordOf(row(revision), piped, project);
}

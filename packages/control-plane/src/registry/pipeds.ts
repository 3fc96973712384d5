import type { Signal } from '@spanpass/credential';
import { and, eq } from 'drizzle-orm';
import { Refusal } from '../problems/refusal.ts';
import { pipeds, projects } from '../store/schema.ts';
import type { Actor, Write } from '../store/write.ts';
import type { Status } from '../wire/keys.ts';
import type { Piped } from '../wire/pipeds.ts';
import { type Precondition, requireRevision, type Versioned } from './precondition.ts';
import type { PipedRow, ProjectRow } from './records.ts';
import { type Registry, toSeconds, writeTo } from './registry.ts';

export interface PipedId {
  readonly project: string;
  readonly piped: string;
}

/** @throws Refusal `piped_unknown` */
export async function getPiped({ store }: Registry, id: PipedId): Promise<Versioned<Piped>> {
  return versioned((await requirePiped({ tx: store.db }, id)).piped);
}

/**
 * Disables or enables a piped. Changes nothing, and makes no revision, if it is so already.
 *
 * @throws Refusal `piped_unknown`, `precondition_failed`
 */
export function setPipedStatus(
  registry: Registry,
  actor: Actor,
  id: PipedId,
  { status, known }: { readonly status: Status; readonly known?: Precondition },
): Promise<Versioned<Piped>> {
  const { project, piped } = id;
  return writeTo(registry, actor, async write => {
    const { piped: row } = await requirePiped(write, id);
    requireRevision(known, row.revision);
    if (row.status === status) return versioned(row);
    const revision = write.change(() => ({ kind: 'piped', project, piped, pipedStatus: status }));
    await write.tx.update(pipeds).set({ status, revision }).where(isPiped(id));
    write.audit(status === 'active' ? 'piped.enabled' : 'piped.disabled', { project, piped });
    return versioned({ ...row, status, revision });
  });
}

/**
 * Says anew what a piped may send. Changes nothing, and makes no revision, if it is so already.
 *
 * @throws Refusal `piped_unknown`, `precondition_failed`
 */
export function setPipedScopes(
  registry: Registry,
  actor: Actor,
  id: PipedId,
  { scopes, known }: { readonly scopes: readonly Signal[]; readonly known?: Precondition },
): Promise<Versioned<Piped>> {
  const { project, piped } = id;
  return writeTo(registry, actor, async write => {
    const { piped: row } = await requirePiped(write, id);
    requireRevision(known, row.revision);
    const wanted = [...new Set(scopes)];
    if (wanted.length === row.scopes.length && wanted.every(scope => row.scopes.includes(scope))) return versioned(row);
    const revision = write.change(() => ({ kind: 'piped', project, piped, pipedStatus: row.status, scopes: wanted }));
    await write.tx.update(pipeds).set({ scopes: wanted, revision }).where(isPiped(id));
    write.audit('piped.scopes_changed', { project, piped });
    return versioned({ ...row, scopes: wanted, revision });
  });
}

/** @throws Refusal `piped_unknown` */
export async function requirePiped(
  { tx }: Pick<Write, 'tx'>,
  id: PipedId,
): Promise<{ piped: PipedRow; project: ProjectRow }> {
  const [row] = await tx
    .select()
    .from(pipeds)
    .innerJoin(projects, eq(projects.project, pipeds.project))
    .where(isPiped(id));
  if (row === undefined) throw pipedUnknown(id);
  return { piped: row.pipeds, project: row.projects };
}

export function pipedUnknown({ project, piped }: PipedId): Refusal {
  return new Refusal('piped_unknown', `there is no piped ${piped} in the project ${project}: register it first`);
}

/** The condition that finds one piped. */
export function isPiped({ project, piped }: PipedId) {
  return and(eq(pipeds.project, project), eq(pipeds.piped, piped));
}

export function pipedOf({ project, piped, status, scopes, createdAt }: PipedRow): Piped {
  return { project, piped, pipedStatus: status, scopes: scopes as Signal[], createdAt: toSeconds(createdAt) };
}

function versioned(row: PipedRow): Versioned<Piped> {
  return { value: pipedOf(row), revision: row.revision };
}

import { and, asc, eq, gt } from 'drizzle-orm';
import { Refusal } from '../problems/refusal.ts';
import type { Database } from '../store/database.ts';
import { projects } from '../store/schema.ts';
import type { Actor, Write } from '../store/write.ts';
import type { Projects } from '../tokens/token-book.ts';
import type { Status } from '../wire/keys.ts';
import type { Project } from '../wire/pipeds.ts';
import { type Idempotency, once } from './idempotency.ts';
import { type Page, toPage, withinReach } from './page.ts';
import { type Precondition, requireRevision, type Versioned } from './precondition.ts';
import type { ProjectRow } from './records.ts';
import { type Registry, toSeconds, writeTo } from './registry.ts';

export interface ProjectFilter {
  readonly reach: Projects;
  readonly status?: Status | undefined;
}

/** Makes the project on its first use. */
export async function projectExists(write: Write, project: string): Promise<void> {
  const [known] = await write.tx.select().from(projects).where(eq(projects.project, project));
  if (known === undefined) await insertProject(write, project);
}

/** @throws Refusal `project_exists` */
export function createProject(
  registry: Registry,
  actor: Actor,
  project: string,
  call: Idempotency | undefined,
): Promise<Versioned<Project>> {
  return writeTo(registry, actor, write =>
    once<Versioned<Project>, Versioned<Project>>(write, call, {
      async first() {
        const [known] = await write.tx.select().from(projects).where(eq(projects.project, project));
        if (known !== undefined) throw new Refusal('project_exists', `the project ${project} is there already`);
        const made = versioned(await insertProject(write, project));
        return { answer: made, kept: made };
      },
      again: kept => kept,
    }),
  );
}

/** @throws Refusal `project_unknown` */
export async function getProject({ store }: Registry, project: string): Promise<Versioned<Project>> {
  return versioned(await requireProjectRow(store.db, project));
}

/** One page of projects, ordered by their names. */
export async function listProjects(
  { store }: Registry,
  { reach, status, after, limit }: ProjectFilter & { readonly after?: string | undefined; readonly limit: number },
): Promise<Page<Project, string>> {
  const rows = await store.db
    .select()
    .from(projects)
    .where(
      and(
        withinReach(projects.project, reach),
        status && eq(projects.status, status),
        after === undefined ? undefined : gt(projects.project, after),
      ),
    )
    .orderBy(asc(projects.project))
    .limit(limit + 1);
  return toPage(rows, limit, { item: projectOf, key: row => row.project });
}

/**
 * Disables or enables a project, and with it all of its pipeds. Changes nothing, and makes no revision, if it is so
 * already.
 *
 * @throws Refusal `project_unknown`, `precondition_failed`
 */
export function setProjectStatus(
  registry: Registry,
  actor: Actor,
  project: string,
  { status, known }: { readonly status: Status; readonly known?: Precondition },
): Promise<Versioned<Project>> {
  return writeTo(registry, actor, async write => {
    const row = await requireProjectRow(write.tx, project);
    requireRevision(known, row.revision);
    if (row.status === status) return versioned(row);
    const revision = write.change(() => ({ kind: 'project', project, projectStatus: status }));
    await write.tx.update(projects).set({ status, revision }).where(eq(projects.project, project));
    write.audit(status === 'active' ? 'project.enabled' : 'project.disabled', { project });
    return versioned({ ...row, status, revision });
  });
}

async function insertProject(write: Write, project: string): Promise<ProjectRow> {
  const revision = write.change(() => ({ kind: 'project', project, projectStatus: 'active' }));
  const row: ProjectRow = { project, status: 'active', createdAt: write.at, revision };
  await write.tx.insert(projects).values(row);
  write.audit('project.created', { project });
  return row;
}

async function requireProjectRow(db: Database, project: string): Promise<ProjectRow> {
  const [row] = await db.select().from(projects).where(eq(projects.project, project));
  if (row === undefined) throw new Refusal('project_unknown', `there is no project ${project}`);
  return row;
}

function versioned(row: ProjectRow): Versioned<Project> {
  return { value: projectOf(row), revision: row.revision };
}

function projectOf({ project, status, createdAt }: ProjectRow): Project {
  return { project, projectStatus: status, createdAt: toSeconds(createdAt) };
}

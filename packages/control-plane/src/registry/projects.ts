import { eq } from 'drizzle-orm';
import { Refusal } from '../problems/refusal.ts';
import { projects } from '../store/schema.ts';
import type { Actor, Write } from '../store/write.ts';
import type { Status } from '../wire/keys.ts';
import type { Project } from '../wire/pipeds.ts';
import type { ProjectRow } from './records.ts';
import { type Registry, toSeconds, writeTo } from './registry.ts';

/** Makes the project on its first use. */
export async function projectExists(write: Write, project: string): Promise<void> {
  const [known] = await write.tx.select().from(projects).where(eq(projects.project, project));
  if (known !== undefined) return;
  const revision = write.change(() => ({ kind: 'project', project, projectStatus: 'active' }));
  await write.tx.insert(projects).values({ project, status: 'active', createdAt: write.at, revision });
  write.audit('project.created', { project });
}

/**
 * Disables or enables a project, and with it all of its pipeds. Changes nothing, and makes no revision, if it is so
 * already.
 */
export function setProjectStatus(registry: Registry, actor: Actor, project: string, status: Status): Promise<Project> {
  return writeTo(registry, actor, async write => {
    const [row] = await write.tx.select().from(projects).where(eq(projects.project, project));
    if (row === undefined) throw new Refusal('project_unknown', `there is no project ${project}`);
    if (row.status === status) return projectOf(row);
    const revision = write.change(() => ({ kind: 'project', project, projectStatus: status }));
    await write.tx.update(projects).set({ status, revision }).where(eq(projects.project, project));
    write.audit(status === 'active' ? 'project.enabled' : 'project.disabled', { project });
    return projectOf({ ...row, status });
  });
}

function projectOf({ project, status, createdAt }: ProjectRow): Project {
  return { project, projectStatus: status, createdAt: toSeconds(createdAt) };
}

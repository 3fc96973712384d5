import type { Signal } from '@spanpass/credential';
import { Refusal } from '../problems/refusal.ts';
import { pipeds } from '../store/schema.ts';
import type { Actor } from '../store/write.ts';
import type { RegisteredPiped } from '../wire/pipeds.ts';
import { issueEnrollmentToken } from './enrollment-tokens.ts';
import { isPiped, type PipedId, pipedOf } from './pipeds.ts';
import { projectExists } from './projects.ts';
import type { PipedRow } from './records.ts';
import { type Registry, writeTo } from './registry.ts';

/** Registers a piped, and its project if this is its first, and issues its first enrollment token. */
export function registerPiped(
  registry: Registry,
  actor: Actor,
  { project, piped, scopes }: PipedId & { readonly scopes: readonly Signal[] },
): Promise<RegisteredPiped> {
  return writeTo(registry, actor, async write => {
    await projectExists(write, project);
    const [known] = await write.tx.select().from(pipeds).where(isPiped({ project, piped }));
    if (known !== undefined) {
      throw new Refusal('piped_exists', `the piped ${piped} is registered in the project ${project} already`);
    }
    const revision = write.change(() => ({ kind: 'piped', project, piped, pipedStatus: 'active' }));
    const row: PipedRow = {
      project,
      piped,
      status: 'active',
      scopes: [...new Set(scopes)],
      createdAt: write.at,
      revision,
    };
    await write.tx.insert(pipeds).values(row);
    write.audit('piped.registered', { project, piped });
    return { ...pipedOf(row), ...(await issueEnrollmentToken(registry, write, { project, piped })) };
  });
}

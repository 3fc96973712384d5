import type { Signal } from '@spanpass/credential';
import { Refusal } from '../problems/refusal.ts';
import { pipeds } from '../store/schema.ts';
import type { Actor } from '../store/write.ts';
import type { Piped, RegisteredPiped } from '../wire/pipeds.ts';
import { issueEnrollmentToken, replaceEnrollmentToken } from './enrollment-tokens.ts';
import { type Idempotency, once } from './idempotency.ts';
import { isPiped, type PipedId, pipedOf } from './pipeds.ts';
import { projectExists } from './projects.ts';
import type { PipedRow } from './records.ts';
import { type Registry, writeTo } from './registry.ts';

/**
 * Registers a piped, and its project if this is its first, and issues its first enrollment token.
 *
 * @throws Refusal `piped_exists`, `secret_shown_already`
 */
export function registerPiped(
  registry: Registry,
  actor: Actor,
  { project, piped, scopes }: PipedId & { readonly scopes: readonly Signal[] },
  call?: Idempotency,
): Promise<RegisteredPiped> {
  const id = { project, piped };
  return writeTo(registry, actor, write =>
    once<RegisteredPiped, { registered: Piped; tokenId: string }>(write, call, {
      async first() {
        await projectExists(write, project);
        const [known] = await write.tx.select().from(pipeds).where(isPiped(id));
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
        write.audit('piped.registered', id);
        const { tokenId, token } = await issueEnrollmentToken(registry, write, id);
        const registered = pipedOf(row);
        return { answer: { ...registered, ...token }, kept: { registered, tokenId } };
      },
      again: async ({ registered, tokenId }) => ({
        ...registered,
        ...(await replaceEnrollmentToken(registry, write, id, tokenId)),
      }),
    }),
  );
}

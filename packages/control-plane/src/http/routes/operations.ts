import { z } from 'zod';
import { currentRevision } from '../../feed/read-changes.ts';
import { Refusal } from '../../problems/refusal.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import type { App, Context } from '../context.ts';

const statusResponse = { 200: z.object({ status: z.literal('ok') }), ...PROBLEM_RESPONSES };

/** For whoever runs it. None of these needs a token, and none says anything of projects, pipeds or keys. */
export function operationRoutes(app: App, { registry, metrics }: Context): void {
  app.get(
    '/healthz',
    { schema: { summary: 'The process runs.', tags: ['operations'], response: statusResponse } },
    async () => ({ status: 'ok' as const }),
  );

  app.get(
    '/readyz',
    { schema: { summary: 'The database answers.', tags: ['operations'], response: statusResponse } },
    async () => {
      await currentRevision(registry.store.db).catch(cause => {
        throw new Refusal('unavailable', 'the database does not answer', { retryAfterSeconds: 1, cause });
      });
      return { status: 'ok' as const };
    },
  );

  app.get('/metrics', { schema: { hide: true } }, async (_, reply) => {
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });

  app.get('/openapi.json', { schema: { hide: true } }, async (_, reply) => reply.send(app.swagger()));
}

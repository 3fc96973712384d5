import { z } from 'zod';
import { Refusal } from '../../problems/refusal.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import type { App, Context } from '../context.ts';
import { BEARER } from '../openapi.ts';
import { wholeNumberSchema } from '../query.ts';
import { responseSink } from '../response-sink.ts';

/** The change feed, as server-sent events. */
export function changeRoutes(app: App, { feed }: Context): void {
  app.get(
    '/v1/changes',
    {
      schema: {
        summary:
          'Server-sent events: `change` (its id is the revision), `heartbeat` once a second, `reset` when `since` can not be resumed.',
        tags: ['changes'],
        security: BEARER,
        querystring: z.strictObject({
          since: wholeNumberSchema.optional().describe('the last revision that is known; default the newest'),
        }),
        response: PROBLEM_RESPONSES,
      },
    },
    async (request, reply) => {
      const lastEventId = request.headers['last-event-id'];
      const begin = await feed.open(sinceOf(lastEventId) ?? request.query.since);
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'x-accel-buffering': 'no',
        connection: 'close',
      });
      raw.flushHeaders();
      const { follower } = begin(responseSink(raw));
      raw.on('close', () => feed.leave(follower));
      // Gone while the backlog's first page was read.
      if (raw.destroyed) feed.leave(follower);
    },
  );
}

/** What a reconnecting EventSource sends; it knows better than the URL that it was started with. */
function sinceOf(lastEventId: string | string[] | undefined): number | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined;
  const parsed = wholeNumberSchema.safeParse(lastEventId);
  if (!parsed.success) throw new Refusal('invalid_request', 'last-event-id: must be a whole number');
  return parsed.data;
}

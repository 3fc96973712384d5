import { z } from 'zod';
import { Refusal } from '../../problems/refusal.ts';
import { traceWithin } from '../../traces/deployments.ts';
import { deploymentListSchema, traceSchema } from '../../wire/traces.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import type { App, Context } from '../context.ts';
import { BEARER } from '../openapi.ts';
import { wholeNumberSchema } from '../query.ts';

const common = { tags: ['traces'], security: BEARER };
const MAX_TRACES = 1000;
const SERVICE = 'piped';

/** Deployments out of a Jaeger-compatible store of traces, of the projects that a token may see. */
export function traceRoutes(app: App, { traces, registry }: Context): void {
  const store = () => {
    if (traces === undefined) throw new Refusal('traces_unset', 'no store of traces is set: give a jaegerUrl');
    return traces;
  };

  app.get(
    '/v1/traces',
    {
      schema: {
        ...common,
        summary: 'Lists deployments by their traces, the newest first.',
        querystring: z.strictObject({
          limit: wholeNumberSchema.pipe(z.number().min(1).max(MAX_TRACES)).default(200),
          sinceSeconds: wholeNumberSchema
            .pipe(
              z
                .number()
                .min(60)
                .max(366 * 86_400),
            )
            .default(7 * 86_400)
            .describe('how far back'),
        }),
        response: { 200: deploymentListSchema, ...PROBLEM_RESPONSES },
      },
    },
    async ({ query: { limit, sinceSeconds }, reach }) => {
      const endMs = registry.now();
      const startMs = endMs - sinceSeconds * 1000;
      const query = new URLSearchParams({
        service: SERVICE,
        limit: String(limit),
        lookback: 'custom',
        start: String(startMs * 1000),
        end: String(endMs * 1000),
      });
      const found = (await store().ask(`?${query}`)).flatMap(trace => traceWithin(trace, reach)?.deployment ?? []);
      return { items: found.sort((a, b) => b.startedAtMs - a.startedAtMs) };
    },
  );

  app.get(
    '/v1/traces/:traceId',
    {
      schema: {
        ...common,
        summary: 'One deployment with its spans, in the order of their starts.',
        params: z.object({ traceId: z.string().regex(/^[0-9a-f]{32}$/, 'must be 32 small hex digits') }),
        response: { 200: traceSchema, ...PROBLEM_RESPONSES },
      },
    },
    async ({ params, reach }) => {
      for (const trace of await store().ask(`/${params.traceId}`)) {
        const own = traceWithin(trace, reach);
        if (own !== undefined) return own;
      }
      throw new Refusal('trace_unknown', 'no trace has this id');
    },
  );
}

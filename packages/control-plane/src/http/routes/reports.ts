import { takeUsageReport } from '../../registry/usage.ts';
import { usageAnswerSchema, usageReportSchema } from '../../wire/usage.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import type { App, Context } from '../context.ts';
import { BEARER } from '../openapi.ts';

/** 500 uses of keys, 500 of pipeds and 500 refusals, of about 250 bytes at most. */
const MAX_REPORT_BYTES = 262_144;

/** What auth servers tell. */
export function reportRoutes(app: App, { registry, metrics }: Context): void {
  app.post(
    '/v1/reports/usage',
    {
      bodyLimit: MAX_REPORT_BYTES,
      schema: {
        summary: 'Reports when keys were last used, and what was refused of pipeds. Neither changes keys or pipeds.',
        tags: ['reports'],
        security: BEARER,
        body: usageReportSchema,
        response: { 200: usageAnswerSchema, ...PROBLEM_RESPONSES },
      },
    },
    async ({ body }) => {
      const taken = await takeUsageReport(registry, body);
      metrics.reported({ taken, dropped: body.dropped });
      return { taken };
    },
  );
}

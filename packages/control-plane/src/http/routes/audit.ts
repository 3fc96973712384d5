import { z } from 'zod';
import { listAudit } from '../../registry/audit.ts';
import { auditListSchema } from '../../wire/audit.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import { ADMIN, type App, type Context } from '../context.ts';
import { BEARER } from '../openapi.ts';
import { limitSchema, wholeNumberSchema } from '../query.ts';

export function auditRoutes(app: App, { registry }: Context): void {
  app.get(
    '/v1/audit',
    {
      config: { access: ADMIN },
      schema: {
        summary: 'Lists what was done, by whom and from where, in the order of the writes.',
        tags: ['audit'],
        security: BEARER,
        querystring: z.strictObject({
          after: wholeNumberSchema.default(0).describe('the `next` of the page before'),
          limit: limitSchema,
        }),
        response: { 200: auditListSchema, ...PROBLEM_RESPONSES },
      },
    },
    async request => listAudit(registry, request.query),
  );
}

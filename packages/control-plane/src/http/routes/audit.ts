import { idSchema } from '@spanpass/credential';
import { z } from 'zod';
import { listAudit } from '../../registry/audit.ts';
import { AUDIT_ACTIONS, auditListSchema } from '../../wire/audit.ts';
import { requireProject } from '../access.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import type { App, Context } from '../context.ts';
import { BEARER } from '../openapi.ts';
import { afterSchema, limitSchema, pageOf, timeSchema } from '../query.ts';

export function auditRoutes(app: App, { registry }: Context): void {
  app.get(
    '/v1/audit',
    {
      schema: {
        summary: 'Lists what was done, by whom and from where, in the order of the writes.',
        tags: ['audit'],
        security: BEARER,
        querystring: z.strictObject({
          project: idSchema.optional(),
          piped: idSchema.optional(),
          action: z.enum(AUDIT_ACTIONS).optional(),
          from: timeSchema.optional().describe('NumericDate seconds: from this one on'),
          until: timeSchema.optional().describe('NumericDate seconds: before this one'),
          limit: limitSchema,
          after: afterSchema('audit', z.number().int().nonnegative()),
        }),
        response: { 200: auditListSchema, ...PROBLEM_RESPONSES },
      },
    },
    async request => {
      const { query, reach } = request;
      if (query.project !== undefined) requireProject(request, query.project);
      return pageOf('audit', await listAudit(registry, { ...query, reach }));
    },
  );
}

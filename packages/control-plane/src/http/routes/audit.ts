import { idSchema } from '@spanpass/credential';
import { z } from 'zod';
import { signedAuditHead } from '../../audit/head.ts';
import { listAudit } from '../../registry/audit.ts';
import { rotateSigningKey } from '../../registry/rotate-signing-keys.ts';
import { publicKeysOf } from '../../registry/signing-keys.ts';
import { AUDIT_ACTIONS, auditHeadSchema, auditListSchema } from '../../wire/audit.ts';
import { jwksSchema, newSigningKeySchema } from '../../wire/signing-keys.ts';
import { requireProject } from '../access.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import { type App, actorOf, type Context } from '../context.ts';
import { BEARER } from '../openapi.ts';
import { afterSchema, limitSchema, pageOf, timeSchema } from '../query.ts';

const common = { tags: ['audit'], security: BEARER };

export function auditRoutes(app: App, { registry }: Context): void {
  app.get(
    '/v1/audit',
    {
      schema: {
        ...common,
        summary: 'Lists what was done, by whom and from where, in the order of the writes, with the chain of hashes.',
        querystring: z.strictObject({
          project: idSchema.optional(),
          piped: idSchema.optional(),
          action: z.enum(AUDIT_ACTIONS).optional(),
          from: timeSchema.optional().describe('NumericDate seconds: from this one on'),
          until: timeSchema.optional().describe('NumericDate seconds: before this one'),
          order: z.enum(['oldest', 'newest']).default('oldest').describe('which comes first'),
          limit: limitSchema,
          after: afterSchema('audit', z.number().int().nonnegative()),
        }),
        response: { 200: auditListSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const { query, reach } = request;
      if (query.project !== undefined) requireProject(request, query.project);
      const page = pageOf('audit', await listAudit(registry, { ...query, reach }));
      // As it is in the database: a row that somebody tampered with must not look as it should.
      return reply
        .type('application/json; charset=utf-8')
        .serializer((payload: unknown) => JSON.stringify(payload))
        .send(page);
    },
  );

  app.get(
    '/v1/audit/head',
    {
      schema: {
        ...common,
        summary: 'Where the chain of audit rows stands, signed. For tokens that are bound to no project.',
        response: { 200: auditHeadSchema, ...PROBLEM_RESPONSES },
      },
    },
    () => signedAuditHead(registry),
  );

  app.get(
    '/v1/audit-key',
    {
      schema: {
        ...common,
        summary:
          'The public keys that audit heads are signed with, to be pinned: the one that signs now, then those that will.',
        response: { 200: jwksSchema, ...PROBLEM_RESPONSES },
      },
    },
    () => publicKeysOf(registry, 'audit'),
  );

  app.post(
    '/v1/audit-key',
    {
      schema: {
        ...common,
        summary:
          'Makes a new key for audit heads, which takes over after a while. Keep the old one pinned for older heads.',
        body: newSigningKeySchema,
        response: { 201: jwksSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      await rotateSigningKey(registry, actorOf(request), 'audit', request.body);
      return reply.code(201).send(await publicKeysOf(registry, 'audit'));
    },
  );
}

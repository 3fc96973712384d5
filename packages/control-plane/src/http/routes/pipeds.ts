import { idSchema } from '@spanpass/credential';
import { z } from 'zod';
import { createEnrollmentToken } from '../../registry/enrollment-tokens.ts';
import { listPipeds } from '../../registry/list-pipeds.ts';
import { setPipedStatus } from '../../registry/pipeds.ts';
import { registerPiped } from '../../registry/register-piped.ts';
import {
  enrollmentTokenSchema,
  pipedListSchema,
  pipedSchema,
  registeredPipedSchema,
  registerPipedBodySchema,
} from '../../wire/pipeds.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import { ADMIN, type App, actorOf, type Context } from '../context.ts';
import { BEARER } from '../openapi.ts';
import { limitSchema } from '../query.ts';

const projectParams = z.object({ project: idSchema });
export const pipedParams = z.object({ project: idSchema, piped: idSchema });
const common = { tags: ['pipeds'], security: BEARER };

const listQuery = z.strictObject({
  project: idSchema.optional(),
  limit: limitSchema,
  after: z
    .string()
    .regex(/^[^/]+\/[^/]+$/, 'must be the next of another page')
    .transform(text => {
      const [project, piped] = text.split('/');
      return { project, piped };
    })
    .pipe(pipedParams)
    .optional()
    .describe('the `next` of the page before'),
});

export function pipedRoutes(app: App, { registry }: Context): void {
  const config = { access: ADMIN };

  app.post(
    '/v1/projects/:project/pipeds',
    {
      config,
      schema: {
        ...common,
        summary: 'Registers a piped, and its project on first use; issues a one-time enrollment token.',
        params: projectParams,
        body: registerPipedBodySchema,
        response: { 201: registeredPipedSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const { project } = request.params;
      return reply.code(201).send(await registerPiped(registry, actorOf(request), { project, ...request.body }));
    },
  );

  app.post(
    '/v1/projects/:project/pipeds/:piped/enrollment-tokens',
    {
      config,
      schema: {
        ...common,
        summary: 'Issues one more enrollment token.',
        params: pipedParams,
        response: { 201: enrollmentTokenSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) =>
      reply.code(201).send(await createEnrollmentToken(registry, actorOf(request), request.params)),
  );

  app.get(
    '/v1/pipeds',
    {
      config,
      schema: {
        ...common,
        summary: 'Lists pipeds by project and name.',
        querystring: listQuery,
        response: { 200: pipedListSchema, ...PROBLEM_RESPONSES },
      },
    },
    async request => {
      const { project, after, limit } = request.query;
      const { items, next } = await listPipeds(registry, {
        limit,
        ...(project && { project }),
        ...(after && { after }),
      });
      return next ? { items, next: `${next.project}/${next.piped}` } : { items };
    },
  );

  for (const [verb, status] of [
    ['disable', 'disabled'],
    ['enable', 'active'],
  ] as const) {
    const schema = {
      ...common,
      summary: `${verb === 'disable' ? 'Disables' : 'Enables'} a piped. Repeatable.`,
      params: pipedParams,
      response: { 200: pipedSchema, ...PROBLEM_RESPONSES },
    };
    app.post(`/v1/projects/:project/pipeds/:piped/${verb}`, { config, schema }, async request =>
      setPipedStatus(registry, actorOf(request), request.params, status),
    );
  }
}

import { idSchema } from '@spanpass/credential';
import { z } from 'zod';
import { createProject, getProject, listProjects, setProjectStatus } from '../../registry/projects.ts';
import { statusSchema } from '../../wire/keys.ts';
import { projectListSchema, projectSchema } from '../../wire/pipeds.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import { type App, actorOf, type Context } from '../context.ts';
import { ifMatchHeaders, preconditionOf, sendVersioned } from '../etag.ts';
import { idempotencyHeaders, idempotencyOf } from '../idempotency.ts';
import { BEARER } from '../openapi.ts';
import { afterSchema, limitSchema, pageOf } from '../query.ts';

const projectParams = z.object({ project: idSchema });
const common = { tags: ['projects'], security: BEARER };

/** Disabling a project is reversible, and shuts out all of its pipeds at once. */
export function projectRoutes(app: App, { registry }: Context): void {
  app.get(
    '/v1/projects',
    {
      schema: {
        ...common,
        summary: 'Lists projects by name.',
        querystring: z.strictObject({
          status: statusSchema.optional(),
          limit: limitSchema,
          after: afterSchema('projects', idSchema),
        }),
        response: { 200: projectListSchema, ...PROBLEM_RESPONSES },
      },
    },
    async ({ query, reach }) => pageOf('projects', await listProjects(registry, { ...query, reach })),
  );

  app.post(
    '/v1/projects',
    {
      schema: {
        ...common,
        summary: 'Makes a project. Registering its first piped makes it too.',
        headers: idempotencyHeaders,
        body: z.strictObject({ project: idSchema }),
        response: { 201: projectSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const call = idempotencyOf(request);
      const made = await createProject(registry, actorOf(request), request.body.project, call);
      return reply.code(201).send(sendVersioned(reply, made));
    },
  );

  app.get(
    '/v1/projects/:project',
    {
      schema: {
        ...common,
        summary: 'A project.',
        params: projectParams,
        response: { 200: projectSchema, ...PROBLEM_RESPONSES },
      },
    },
    async ({ params }, reply) => sendVersioned(reply, await getProject(registry, params.project)),
  );

  for (const [verb, status] of [
    ['disable', 'disabled'],
    ['enable', 'active'],
  ] as const) {
    const schema = {
      ...common,
      summary: `${verb === 'disable' ? 'Disables' : 'Enables'} a project. Repeatable.`,
      params: projectParams,
      headers: ifMatchHeaders,
      response: { 200: projectSchema, ...PROBLEM_RESPONSES },
    };
    app.post(`/v1/projects/:project/${verb}`, { schema }, async (request, reply) => {
      const change = { status, known: preconditionOf(request) };
      return sendVersioned(reply, await setProjectStatus(registry, actorOf(request), request.params.project, change));
    });
  }
}

import { idSchema } from '@spanpass/credential';
import { z } from 'zod';
import { createEnrollmentToken } from '../../registry/enrollment-tokens.ts';
import { listPipeds } from '../../registry/list-pipeds.ts';
import { getPiped, setPipedScopes, setPipedStatus } from '../../registry/pipeds.ts';
import { registerPiped } from '../../registry/register-piped.ts';
import { statusSchema } from '../../wire/keys.ts';
import {
  changePipedBodySchema,
  enrollmentTokenSchema,
  pipedListSchema,
  pipedSchema,
  registeredPipedSchema,
  registerPipedBodySchema,
} from '../../wire/pipeds.ts';
import { requireProject } from '../access.ts';
import { madeHere, PROBLEM_RESPONSES } from '../answers.ts';
import { type App, actorOf, type Context } from '../context.ts';
import { ifMatchHeaders, preconditionOf, sendVersioned } from '../etag.ts';
import { idempotencyHeaders, idempotencyOf } from '../idempotency.ts';
import { BEARER } from '../openapi.ts';
import { afterSchema, limitSchema, pageOf } from '../query.ts';

const projectParams = z.object({ project: idSchema });
export const pipedParams = z.object({ project: idSchema, piped: idSchema });
const common = { tags: ['pipeds'], security: BEARER };

const listQuery = z.strictObject({
  project: idSchema.optional(),
  piped: idSchema.optional(),
  status: statusSchema.optional(),
  search: idSchema
    .optional()
    .describe(
      'a part of the name, in small letters or capitals; a page may then hold few or none, and yet have a `next`',
    ),
  limit: limitSchema,
  after: afterSchema('pipeds', z.tuple([idSchema, idSchema])),
});

export function pipedRoutes(app: App, { registry }: Context): void {
  app.post(
    '/v1/projects/:project/pipeds',
    {
      schema: {
        ...common,
        summary: 'Registers a piped, and its project on first use; issues a one-time enrollment token.',
        params: projectParams,
        headers: idempotencyHeaders,
        body: registerPipedBodySchema,
        response: { 201: registeredPipedSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const piped = { project: request.params.project, ...request.body };
      return reply.code(201).send(await registerPiped(registry, actorOf(request), piped, idempotencyOf(request)));
    },
  );

  app.post(
    '/v1/projects/:project/pipeds/:piped/enrollment-tokens',
    {
      schema: {
        ...common,
        summary: 'Issues one more enrollment token.',
        params: pipedParams,
        headers: idempotencyHeaders,
        response: { 201: enrollmentTokenSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const call = idempotencyOf(request);
      return reply.code(201).send(await createEnrollmentToken(registry, actorOf(request), request.params, call));
    },
  );

  app.get(
    '/v1/pipeds',
    {
      schema: {
        ...common,
        summary: 'Lists pipeds by project and name, with when they were last seen and what was refused of them.',
        querystring: listQuery,
        response: { 200: pipedListSchema, ...PROBLEM_RESPONSES },
      },
      serializerCompiler: madeHere,
    },
    async request => {
      const { query, reach } = request;
      if (query.project !== undefined) requireProject(request, query.project);
      return pageOf('pipeds', await listPipeds(registry, { ...query, reach }));
    },
  );

  app.get(
    '/v1/projects/:project/pipeds/:piped',
    {
      schema: {
        ...common,
        summary: 'A piped.',
        params: pipedParams,
        response: { 200: pipedSchema, ...PROBLEM_RESPONSES },
      },
    },
    async ({ params }, reply) => sendVersioned(reply, await getPiped(registry, params)),
  );

  app.patch(
    '/v1/projects/:project/pipeds/:piped',
    {
      schema: {
        ...common,
        summary: 'Says anew what a piped may send. Repeatable.',
        params: pipedParams,
        headers: ifMatchHeaders,
        body: changePipedBodySchema,
        response: { 200: pipedSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const change = { scopes: request.body.scopes, known: preconditionOf(request) };
      return sendVersioned(reply, await setPipedScopes(registry, actorOf(request), request.params, change));
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
      headers: ifMatchHeaders,
      response: { 200: pipedSchema, ...PROBLEM_RESPONSES },
    };
    app.post(`/v1/projects/:project/pipeds/:piped/${verb}`, { schema }, async (request, reply) => {
      const change = { status, known: preconditionOf(request) };
      return sendVersioned(reply, await setPipedStatus(registry, actorOf(request), request.params, change));
    });
  }
}

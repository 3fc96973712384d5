import { Refusal } from '../../problems/refusal.ts';
import { findPipecd, forgetPipecdKeys, importPipecd } from '../../registry/pipecd.ts';
import { importedPipecdSchema, importPipecdBodySchema, pipecdRecordSchema } from '../../wire/pipecd.ts';
import { pipedSchema } from '../../wire/pipeds.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import { type App, actorOf, type Context } from '../context.ts';
import { BEARER } from '../openapi.ts';
import { pipedParams } from './pipeds.ts';

/** 100 pipeds with two hashes and the longest ids take 32 KiB. */
const MAX_BODY_BYTES = 65_536;

const common = { tags: ['pipecd'], security: BEARER };

/** PipeCD's own keys, for as long as a fleet is on the move. */
export function pipecdRoutes(app: App, { registry }: Context): void {
  app.post(
    '/v1/pipecd/imports',
    {
      bodyLimit: MAX_BODY_BYTES,
      schema: {
        ...common,
        summary:
          'Takes in pipeds of PipeCD with the bcrypt hashes of their keys. The same again changes nothing; what PipeCD has disabled is disabled, and nothing is enabled.',
        body: importPipecdBodySchema,
        response: { 200: importedPipecdSchema, ...PROBLEM_RESPONSES },
      },
    },
    request => importPipecd(registry, actorOf(request), request.body),
  );

  app.get(
    '/v1/projects/:project/pipeds/:piped/pipecd-keys',
    {
      schema: {
        ...common,
        summary:
          "What an auth server compares a piped's PipeCD keys with. The header x-spanpass-revision says as of which revision, also on a 404.",
        params: pipedParams,
        response: { 200: pipecdRecordSchema, ...PROBLEM_RESPONSES },
      },
    },
    async ({ params }, reply) => {
      const { revision, found } = await findPipecd(registry, params);
      reply.header('x-spanpass-revision', String(revision));
      if (found === undefined) throw new Refusal('piped_unknown', 'there is no such piped in this project');
      return found;
    },
  );

  app.post(
    '/v1/projects/:project/pipeds/:piped/forget-pipecd-keys',
    {
      schema: {
        ...common,
        summary: "Forgets a piped's PipeCD keys: none of them is good any more. Repeatable.",
        params: pipedParams,
        response: { 200: pipedSchema.pick({ project: true, piped: true }), ...PROBLEM_RESPONSES },
      },
    },
    async request => {
      await forgetPipecdKeys(registry, actorOf(request), request.params);
      const { project, piped } = request.params;
      return { project, piped };
    },
  );
}

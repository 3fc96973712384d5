import { type Algorithm, kidSchema, parsePublicJwk, verifyPossession } from '@spanpass/credential';
import { z } from 'zod';
import { Refusal } from '../../problems/refusal.ts';
import { generateKey, listKeys, type NewKey, revokeKey, uploadKey } from '../../registry/keys.ts';
import { findKey, recordOf } from '../../registry/records.ts';
import { createdKeySchema, createKeyBodySchema, keyListSchema, keyRecordSchema } from '../../wire/keys.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import { ADMIN, type App, actorOf, type Context, READERS } from '../context.ts';
import { BEARER } from '../openapi.ts';
import { pipedParams } from './pipeds.ts';

const kidParams = z.object({ kid: kidSchema });
const common = { tags: ['keys'], security: BEARER };

export function keyRoutes(app: App, { registry, publicUrl }: Context): void {
  const config = { access: ADMIN };

  app.get(
    '/v1/projects/:project/pipeds/:piped/keys',
    {
      config,
      schema: {
        ...common,
        summary: 'Lists the keys of a piped, the newest last.',
        params: pipedParams,
        response: { 200: keyListSchema, ...PROBLEM_RESPONSES },
      },
    },
    async request => ({ items: await listKeys(registry, request.params) }),
  );

  app.post(
    '/v1/projects/:project/pipeds/:piped/keys',
    {
      config,
      schema: {
        ...common,
        summary: 'Makes a key pair and hands it out once, or takes in a public key with a proof of its possession.',
        params: pipedParams,
        body: createKeyBodySchema,
        response: { 201: createdKeySchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const { params, body } = request;
      const actor = actorOf(request);
      if (body.generate) {
        const made = await generateKey(registry, actor, params, { alg: body.alg, controlPlane: publicUrl() });
        return reply.code(201).send(made);
      }
      const key = await provenKey(body, `${params.project}/${params.piped}`, registry.now);
      return reply.code(201).send({ record: await uploadKey(registry, actor, params, key) });
    },
  );

  app.get(
    '/v1/keys/:kid',
    {
      config: { access: READERS },
      schema: {
        ...common,
        summary:
          'The key record of a kid. The header x-spanpass-revision says as of which revision, also when there is none.',
        params: kidParams,
        response: { 200: keyRecordSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const { revision, found } = await findKey(registry.store.db, request.params.kid);
      reply.header('x-spanpass-revision', String(revision));
      if (found === undefined) throw new Refusal('key_unknown', 'no key has this kid');
      return recordOf(found.key, found.piped, found.project);
    },
  );

  app.post(
    '/v1/keys/:kid/revoke',
    {
      config,
      schema: {
        ...common,
        summary: 'Revokes a key for good. Repeatable.',
        params: kidParams,
        response: { 200: keyRecordSchema, ...PROBLEM_RESPONSES },
      },
    },
    async request => revokeKey(registry, actorOf(request), request.params.kid),
  );
}

/**
 * The key that came with a proof of its possession. Proofs are not remembered: one is good for two minutes, for one
 * enrollment token or piped and one key, and a key is taken in only once, so showing it again does nothing new.
 *
 * @throws CredentialError, FormatError
 */
export async function provenKey(
  { alg, publicJwk, proof }: { alg?: Algorithm | undefined; publicJwk?: unknown; proof?: string | undefined },
  boundTo: string,
  now: () => number,
): Promise<NewKey> {
  if (alg === undefined || proof === undefined) throw new Refusal('invalid_request', 'alg and proof are required');
  const jwk = parsePublicJwk(alg, publicJwk);
  return { kid: await verifyPossession(proof, { alg, publicJwk: jwk }, boundTo, now), alg, publicJwk: jwk };
}

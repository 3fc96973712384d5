import { type Algorithm, kidSchema, parsePublicJwk, verifyPossession } from '@spanpass/credential';
import { z } from 'zod';
import { Refusal } from '../../problems/refusal.ts';
import type { NewKey } from '../../registry/add-keys.ts';
import { generateKey, type ListKey, listKeys, revokeKey, uploadKey } from '../../registry/keys.ts';
import { keyLookUp } from '../../registry/look-up.ts';
import { findKey } from '../../registry/records.ts';
import {
  createdKeySchema,
  createKeyBodySchema,
  keyListSchema,
  keyRecordSchema,
  keyStatusSchema,
} from '../../wire/keys.ts';
import { isWithin } from '../access.ts';
import { madeHere, PROBLEM_RESPONSES } from '../answers.ts';
import { type App, actorOf, type Context } from '../context.ts';
import { ifMatchHeaders, preconditionOf, sendVersioned } from '../etag.ts';
import { idempotencyHeaders, idempotencyOf } from '../idempotency.ts';
import { BEARER } from '../openapi.ts';
import { afterSchema, limitSchema, pageOf } from '../query.ts';
import { pipedParams } from './pipeds.ts';

const kidParams = z.object({ kid: kidSchema });
const listKey: z.ZodType<ListKey> = z.tuple([z.number().int().nonnegative().max(8.64e15), kidSchema]);
const common = { tags: ['keys'], security: BEARER };

export function keyRoutes(app: App, { registry, publicUrl }: Context): void {
  const lookUp = keyLookUp(registry.store.db);
  app.get(
    '/v1/projects/:project/pipeds/:piped/keys',
    {
      schema: {
        ...common,
        summary: 'Lists the keys of a piped, the newest last.',
        params: pipedParams,
        querystring: z.strictObject({
          status: keyStatusSchema.optional(),
          limit: limitSchema,
          after: afterSchema('keys', listKey),
        }),
        response: { 200: keyListSchema, ...PROBLEM_RESPONSES },
      },
      serializerCompiler: madeHere,
    },
    async ({ params, query }) => pageOf('keys', await listKeys(registry, params, query)),
  );

  app.post(
    '/v1/projects/:project/pipeds/:piped/keys',
    {
      schema: {
        ...common,
        summary: 'Makes a key pair and hands it out once, or takes in a public key with a proof of its possession.',
        params: pipedParams,
        headers: idempotencyHeaders,
        body: createKeyBodySchema,
        response: { 201: createdKeySchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const { params, body } = request;
      const actor = actorOf(request);
      const call = idempotencyOf(request);
      if (body.generate) {
        const made = await generateKey(registry, actor, params, { alg: body.alg, controlPlane: publicUrl(), call });
        return reply.code(201).send(made);
      }
      const prove = () => provenKey(body, `${params.project}/${params.piped}`, registry.now);
      return reply.code(201).send({ record: await uploadKey(registry, actor, params, { prove, call }) });
    },
  );

  app.get(
    '/v1/keys/:kid',
    {
      schema: {
        ...common,
        summary:
          'The key record of a kid. The header x-spanpass-revision says as of which revision, also when there is none.',
        params: kidParams,
        response: { 200: keyRecordSchema, ...PROBLEM_RESPONSES },
      },
      serializerCompiler: madeHere,
    },
    async (request, reply) => {
      const { revision, record } = await lookUp(request.params.kid);
      reply.header('x-spanpass-revision', String(revision));
      if (record === undefined || !isWithin(request.reach, record.project)) throw keyUnknown();
      return sendVersioned(reply, { value: record, revision: record.revision });
    },
  );

  app.post(
    '/v1/keys/:kid/revoke',
    {
      schema: {
        ...common,
        summary:
          'Revokes a key for good. Repeatable. The last key that a piped is known to use is revoked with `force=true` only.',
        params: kidParams,
        querystring: z.strictObject({
          force: z
            .enum(['true', 'false'])
            .transform(text => text === 'true')
            .optional(),
        }),
        headers: ifMatchHeaders,
        response: { 200: keyRecordSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const { params, query, reach } = request;
      if (reach !== 'all') {
        const found = await findKey(registry.store.db, params.kid);
        if (found === undefined || !isWithin(reach, found.key.project)) throw keyUnknown();
      }
      const how = { force: query.force ?? false, known: preconditionOf(request) };
      const record = await revokeKey(registry, actorOf(request), params.kid, how);
      return sendVersioned(reply, { value: record, revision: record.revision });
    },
  );
}

/** Also of a key that is there and not for the caller to know of. */
function keyUnknown(): Refusal {
  return new Refusal('key_unknown', 'no key has this kid');
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

import { z } from 'zod';
import { createApiToken, listApiTokens, revokeApiToken, type TokenKey } from '../../registry/api-tokens.ts';
import {
  accessTokenSchema,
  createdTokenSchema,
  createTokenBodySchema,
  ROLES,
  TOKEN_STATES,
  tokenListSchema,
} from '../../wire/tokens.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import { type App, actorOf, type Context } from '../context.ts';
import { idempotencyHeaders, idempotencyOf } from '../idempotency.ts';
import { BEARER } from '../openapi.ts';
import { afterSchema, limitSchema, pageOf } from '../query.ts';

const common = { tags: ['tokens'], security: BEARER };
const tokenKey: z.ZodType<TokenKey> = z.tuple([z.number().int().nonnegative().max(8.64e15), z.uuid()]);

/** Tokens of whoever calls this API. */
export function tokenRoutes(app: App, { registry, tokens }: Context): void {
  app.post(
    '/v1/tokens',
    {
      schema: {
        ...common,
        summary: 'Makes a token, which is shown only in this answer.',
        headers: idempotencyHeaders,
        body: createTokenBodySchema,
        response: { 201: createdTokenSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const created = await createApiToken(registry, actorOf(request), request.body, idempotencyOf(request));
      tokens.forget();
      return reply.code(201).send(created);
    },
  );

  app.get(
    '/v1/tokens',
    {
      schema: {
        ...common,
        summary: 'Lists tokens, the newest last, with their last use; not the tokens themselves.',
        querystring: z.strictObject({
          role: z.enum(ROLES).optional(),
          state: z.enum(TOKEN_STATES).optional(),
          limit: limitSchema,
          after: afterSchema('tokens', tokenKey),
        }),
        response: { 200: tokenListSchema, ...PROBLEM_RESPONSES },
      },
    },
    async request => pageOf('tokens', await listApiTokens(registry, request.query)),
  );

  app.post(
    '/v1/tokens/:id/revoke',
    {
      schema: {
        ...common,
        summary: 'Revokes a token for good; other replicas know within a second. Repeatable.',
        params: z.object({ id: z.uuid() }),
        response: { 200: accessTokenSchema, ...PROBLEM_RESPONSES },
      },
    },
    async request => {
      const revoked = await revokeApiToken(registry, actorOf(request), request.params.id);
      tokens.forget();
      return revoked;
    },
  );
}

import { RETAIN_SECONDS, rotateSigningKey } from '../../registry/rotate-signing-keys.ts';
import { publicKeysOf } from '../../registry/signing-keys.ts';
import { rotateAccessTokenKeySchema, rotatedKeySchema } from '../../wire/signing-keys.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import { type App, actorOf, type Context } from '../context.ts';
import { BEARER } from '../openapi.ts';

/** The key that signs access tokens, which is replaced by itself too. */
export function signingKeyRoutes(app: App, { registry }: Context): void {
  app.post(
    '/v1/signing-key',
    {
      schema: {
        tags: ['access tokens'],
        security: BEARER,
        summary:
          'Makes a new key for access tokens, which takes over after a while, and answers with all that are shown.',
        body: rotateAccessTokenKeySchema,
        response: { 201: rotatedKeySchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const kid = await rotateSigningKey(registry, actorOf(request), 'access-token', request.body);
      const { keys } = await publicKeysOf(registry, 'access-token', RETAIN_SECONDS);
      return reply.code(201).send({ kid, keys });
    },
  );
}

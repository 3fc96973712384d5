import { Refusal } from '../../problems/refusal.ts';
import { enroll } from '../../registry/enroll.ts';
import { enrollBodySchema, enrolledSchema } from '../../wire/keys.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import type { App, Context } from '../context.ts';
import { callerOf } from '../rate-bound.ts';
import { provenKey } from './keys.ts';

/** The one call that anybody may make, so it is bounded before its body is read. */
export function enrollRoutes(app: App, { registry, enrollRate, publicUrl }: Context): void {
  app.post(
    '/v1/enroll',
    {
      config: { access: 'public' },
      onRequest: async request => {
        const retryAfterSeconds = enrollRate.take(callerOf(request.ip));
        if (retryAfterSeconds > 0) {
          throw new Refusal('rate_limited', 'too many enrollments from this address; try again', { retryAfterSeconds });
        }
      },
      schema: {
        summary: 'Enrolls a key with a one-time token. The same token with the same key is answered alike, with 200.',
        tags: ['enrollment'],
        security: [],
        body: enrollBodySchema,
        response: { 200: enrolledSchema, 201: enrolledSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const { enrollmentToken, ...proven } = request.body;
      const key = await provenKey(proven, enrollmentToken, registry.now);
      const { created, record } = await enroll(registry, request.ip, enrollmentToken, key);
      const { gatewayAudience } = registry.settings;
      return reply.code(created ? 201 : 200).send({ record, gatewayAudience, controlPlane: publicUrl() });
    },
  );
}

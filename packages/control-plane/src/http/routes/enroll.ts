import { enroll } from '../../registry/enroll.ts';
import { enrollBodySchema, enrolledSchema } from '../../wire/keys.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import { boundedByPeer } from '../bounded-by-peer.ts';
import type { App, Context } from '../context.ts';
import { provenKey } from './keys.ts';

export function enrollRoutes(app: App, context: Context): void {
  const { registry, publicUrl } = context;
  app.post(
    '/v1/enroll',
    {
      onRequest: boundedByPeer(context.enrollRate),
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

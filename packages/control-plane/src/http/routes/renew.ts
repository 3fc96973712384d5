import { createHash } from 'node:crypto';
import { MAX_CREDENTIAL_LENGTH } from '@spanpass/credential';
import { renew, verifyRenewal } from '../../registry/renew.ts';
import { renewBodySchema, renewedSchema } from '../../wire/keys.ts';
import { bearerToken } from '../access.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import { boundedByPeer } from '../bounded-by-peer.ts';
import type { App, Context } from '../context.ts';
import { RENEWAL } from '../openapi.ts';
import { provenKey } from './keys.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** base64url SHA-256 of the body's bytes as they came, where a credential is bound to them. */
    bodyHash: string;
  }
}

/** A scope of its own, since its JSON parser hashes the body on the way. */
export function renewRoutes(parent: App, context: Context): void {
  const { registry, publicUrl } = context;
  parent.register(async scope => {
    const app = scope as unknown as App;
    const parseJson = app.getDefaultJsonParser('error', 'error');
    app.decorateRequest('bodyHash', '');
    app.removeContentTypeParser('application/json');
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
      request.bodyHash = createHash('sha256').update(body).digest('base64url');
      parseJson(request, body.toString(), done);
    });

    app.post(
      '/v1/renew',
      {
        onRequest: [
          boundedByPeer(context.enrollRate),
          async request => void bearerToken(request, MAX_CREDENTIAL_LENGTH),
        ],
        schema: {
          summary:
            'Renews a key. The current key signs the credential, which is bound to the body and good for one call; the same new key again is answered alike, with 200.',
          tags: ['enrollment'],
          security: RENEWAL,
          body: renewBodySchema,
          response: { 200: renewedSchema, 201: renewedSchema, ...PROBLEM_RESPONSES },
        },
      },
      async (request, reply) => {
        const credential = {
          token: bearerToken(request, MAX_CREDENTIAL_LENGTH),
          audience: `${publicUrl()}/v1/renew`,
          bodyHash: request.bodyHash,
        };
        const { kid } = await verifyRenewal(registry.store.db, credential, registry.now);
        const key = await provenKey(request.body, kid, registry.now);
        const { created, record } = await renew(registry, request.ip, credential, key);
        return reply.code(created ? 201 : 200).send({ record });
      },
    );
  });
}

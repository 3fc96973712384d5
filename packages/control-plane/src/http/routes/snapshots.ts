import { Refusal } from '../../problems/refusal.ts';
import { rotateSigningKey } from '../../registry/rotate-signing-keys.ts';
import { publicKeysOf } from '../../registry/signing-keys.ts';
import { signedSnapshot } from '../../registry/snapshots.ts';
import { jwksSchema, newSigningKeySchema } from '../../wire/signing-keys.ts';
import { snapshotBodySchema, snapshotSchema } from '../../wire/snapshots.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import { type App, actorOf, type Context } from '../context.ts';
import { BEARER } from '../openapi.ts';

/** 20,000 kids with their quotes and commas. */
const MAX_BODY_BYTES = 1 << 20;
/** Each holds some megabytes while it is made and sent. */
const MAX_AT_A_TIME = 4;

const common = { tags: ['snapshots'], security: BEARER };

/** Key records, signed, for auth servers that may have to start while the control plane is down. */
export function snapshotRoutes(app: App, { registry }: Context): void {
  let underWay = 0;

  app.post(
    '/v1/snapshots',
    {
      bodyLimit: MAX_BODY_BYTES,
      schema: {
        ...common,
        summary:
          'The key records of those of the kids that a key has, as of one revision. The header x-spanpass-snapshot is a JWS (ES256, typ key-snapshot+jwt, claims iss, iat, revision, body_hash) for exactly the bytes of the body.',
        body: snapshotBodySchema,
        response: { 200: snapshotSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      if (underWay >= MAX_AT_A_TIME) {
        throw new Refusal('unavailable', 'too many snapshots are being made', { retryAfterSeconds: 1 });
      }
      underWay++;
      try {
        const { revision, jws, body } = await signedSnapshot(registry, request.body.kids);
        reply.headers({
          'content-type': 'application/json; charset=utf-8',
          'x-spanpass-revision': String(revision),
          'x-spanpass-snapshot': jws,
        });
        // As bytes, so that nobody writes them anew.
        return reply.serializer(payload => payload as string).send(Buffer.from(body) as never);
      } finally {
        underWay--;
      }
    },
  );

  app.get(
    '/v1/snapshot-key',
    {
      schema: {
        ...common,
        summary:
          'The public keys that snapshots are signed with, to be pinned: the one that signs now, then those that will.',
        response: { 200: jwksSchema, ...PROBLEM_RESPONSES },
      },
    },
    () => publicKeysOf(registry, 'snapshot'),
  );

  app.post(
    '/v1/snapshot-key',
    {
      schema: {
        ...common,
        summary:
          'Makes a new key for snapshots, which takes over after a while, and answers with all that are to be pinned.',
        body: newSigningKeySchema,
        response: { 201: jwksSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      await rotateSigningKey(registry, actorOf(request), 'snapshot', request.body);
      return reply.code(201).send(await publicKeysOf(registry, 'snapshot'));
    },
  );
}

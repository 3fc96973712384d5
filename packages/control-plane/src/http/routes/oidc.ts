import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Refusal } from '../../problems/refusal.ts';
import { sessionCookie, signInAttemptOf, signInCookie } from '../../sessions/cookie.ts';
import { startSession } from '../../sessions/sessions.ts';
import { ATTEMPT_LIFE_SECONDS, type SignIn } from '../../sign-in/sign-in.ts';
import { waysInSchema } from '../../wire/sessions.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import { boundedByPeer } from '../bounded-by-peer.ts';
import type { App, Context } from '../context.ts';
import { toRefusal } from '../to-refusal.ts';

const tags = ['sessions'];
const one = z.string().max(4096).optional();
const SEE_OTHER = { 303: z.null().describe('To the identity provider, or back to the console.') };

/** A page of the console, and never of another host: it goes behind the `#` of its own address. */
const pageSchema = z
  .string()
  .max(512)
  .regex(/^\/[\w./~%-]*$/, 'must be a page of the console')
  .default('/');

/**
 * People sign in at the identity provider. Their browsers are sent there and come back, and so what goes wrong is told
 * on the console's page for signing in (`/?refused=<code>`), and why in the log.
 */
export function oidcRoutes(app: App, { signIn, registry, enrollRate, logger }: Context): void {
  const failed = (request: FastifyRequest, reply: FastifyReply, error: unknown) => {
    const refusal = toRefusal(error);
    const { code, message: reason, cause } = refusal;
    request.refusedWith = code;
    if (code === 'internal' || code === 'unavailable') logger.error({ code, err: cause }, 'a sign-in failed');
    else logger.warn({ code, reason, peer: request.ip }, 'a sign-in was refused');
    return seeOther(reply, `/?refused=${code}`);
  };

  app.get(
    '/v1/sign-in',
    {
      schema: {
        tags,
        summary: 'How people can sign in, besides with a token.',
        response: { 200: waysInSchema, ...PROBLEM_RESPONSES },
      },
    },
    async () => (signIn === undefined ? {} : { oidc: { name: signIn.settings.name } }),
  );

  app.get(
    '/v1/session/oidc',
    {
      onRequest: boundedByPeer(enrollRate),
      schema: {
        tags,
        summary:
          'Begins to sign in at the identity provider: sends the browser there, with a cookie to come back with.',
        querystring: z.strictObject({
          to: pageSchema.describe('the page of the console to show at the end'),
          here: z.literal('1').optional().describe('this is where browsers are meant to reach the console'),
        }),
        response: { ...SEE_OTHER, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const { to, here } = request.query;
      const way = wayIn(signIn);
      const console = new URL(way.consoleUrl);
      // The cookie must be of the host that the browser comes back to.
      if (here === undefined && request.host !== console.host) {
        return seeOther(
          reply,
          `${console.href.replace(/\/$/, '')}/v1/session/oidc?${new URLSearchParams({ to, here: '1' })}`,
        );
      }
      try {
        const { location, kept } = await way.begin(to);
        reply.header('set-cookie', signInCookie(request, kept, ATTEMPT_LIFE_SECONDS));
        return seeOther(reply, location);
      } catch (error) {
        return failed(request, reply, error);
      }
    },
  );

  app.get(
    '/v1/session/oidc/callback',
    {
      onRequest: boundedByPeer(enrollRate),
      schema: {
        tags,
        summary: 'Where the identity provider sends the browser back: starts a session, as POST /v1/session does.',
        querystring: z.looseObject({ code: one, state: one, iss: one, error: one }),
        response: { ...SEE_OTHER, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const way = wayIn(signIn);
      const cookies = [signInCookie(request, '', 0)];
      reply.header('set-cookie', cookies);
      try {
        const answer = new URL(request.raw.url ?? '', 'http://localhost').searchParams;
        const { person, grant, to } = await way.finish(answer, signInAttemptOf(request));
        const actor = { role: grant.role, person, peerAddress: request.ip };
        const lifeSeconds = way.settings.sessionLifeSeconds;
        const who = { person, grant, rulesId: way.rulesId };
        const secret = await startSession(registry, actor, who, lifeSeconds);
        reply.header('set-cookie', [sessionCookie(request, secret, lifeSeconds)]);
        return seeOther(reply, to === '/' ? '/' : `/#${to}`);
      } catch (error) {
        return failed(request, reply, error);
      }
    },
  );
}

function wayIn(signIn: SignIn | undefined): SignIn {
  if (signIn === undefined)
    throw new Refusal('sign_in_unset', 'people sign in with a token here: see the setting oidc');
  return signIn;
}

function seeOther(reply: FastifyReply, location: string): FastifyReply {
  return reply.code(303).header('location', location).send(null);
}

import { z } from 'zod';
import { Refusal } from '../../problems/refusal.ts';
import { toSeconds } from '../../registry/registry.ts';
import { sessionCookie } from '../../sessions/cookie.ts';
import { endSession, SESSION_LIFE_SECONDS, startSession } from '../../sessions/sessions.ts';
import type { Caller } from '../../tokens/token-book.ts';
import { aboutSchema, type SessionView, sessionSchema, signInBodySchema } from '../../wire/sessions.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import { boundedByPeer } from '../bounded-by-peer.ts';
import { type App, actorOf, type Context } from '../context.ts';
import { BEARER } from '../openapi.ts';

const tags = ['sessions'];

/** People sign in with a token once, and their browser then keeps a cookie that no script can read. */
export function sessionRoutes(
  app: App,
  { registry, tokens, enrollRate, feed, publicUrl, traces, signIn }: Context,
): void {
  app.post(
    '/v1/session',
    {
      onRequest: boundedByPeer(enrollRate),
      schema: {
        tags,
        summary: 'Signs in with a token: sets a cookie that acts with its role, and ends with it.',
        body: signInBodySchema,
        response: { 200: sessionSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      const caller = await tokens.find(request.body.token);
      if (caller === undefined) throw new Refusal('unauthenticated', 'the token is not known, or it has ended');
      if (caller.role === 'auth-server')
        throw new Refusal('forbidden', 'sessions are for people, not for auth servers');
      const actor = { role: caller.role, tokenId: caller.id, peerAddress: request.ip };
      const secret = await startSession(registry, actor, { tokenId: caller.id });
      reply.header('set-cookie', sessionCookie(request, secret, SESSION_LIFE_SECONDS));
      return viewOf(caller, registry.now() + SESSION_LIFE_SECONDS * 1000);
    },
  );

  app.get(
    '/v1/session',
    {
      schema: {
        tags,
        security: BEARER,
        summary: 'Who calls.',
        response: { 200: sessionSchema, ...PROBLEM_RESPONSES },
      },
    },
    async ({ session, caller }) => {
      if (caller === undefined) throw new Error('a guarded route has a caller');
      return viewOf(caller, session?.expiresAtMs);
    },
  );

  app.delete(
    '/v1/session',
    {
      schema: {
        tags,
        security: BEARER,
        summary: 'Signs out: ends the session that it is called with. Repeatable.',
        response: { 200: z.object({}), ...PROBLEM_RESPONSES },
      },
    },
    async (request, reply) => {
      if (request.session) await endSession(registry, actorOf(request), request.session);
      reply.header('set-cookie', sessionCookie(request, '', 0));
      return {};
    },
  );

  app.get(
    '/v1/about',
    {
      schema: {
        tags: ['operations'],
        security: BEARER,
        summary: 'How this control plane is set, and how many auth servers follow it.',
        response: { 200: aboutSchema, ...PROBLEM_RESPONSES },
      },
    },
    async () => {
      const { settings } = registry;
      return {
        publicUrl: publicUrl(),
        gatewayAudience: settings.gatewayAudience,
        keyLifeSeconds: settings.keyLifeSeconds,
        enrollmentTokenLifeSeconds: settings.enrollmentTokenLifeSeconds,
        renewalOverlapSeconds: settings.renewalOverlapSeconds,
        accessTokenLifeSeconds: settings.accessTokenLifeSeconds,
        sessionLifeSeconds: SESSION_LIFE_SECONDS,
        followers: feed.followers,
        revision: feed.revision,
        ...(signIn && { signInAt: signIn.settings.issuer }),
        traces: traces !== undefined,
      };
    },
  );
}

function viewOf({ id, role, projects, person }: Caller, expiresAtMs: number | undefined): SessionView {
  return {
    ...(person === undefined ? { tokenId: id } : { person }),
    role,
    ...(projects !== 'all' && { projects: [...projects] }),
    ...(expiresAtMs !== undefined && { expiresAt: toSeconds(expiresAtMs) }),
  };
}

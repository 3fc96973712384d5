import type { FastifyRequest } from 'fastify';
import { Refusal } from '../problems/refusal.ts';
import { requireOwnPage, sessionSecretOf } from '../sessions/cookie.ts';
import { findSession, type Session } from '../sessions/sessions.ts';
import type { Caller, Projects } from '../tokens/token-book.ts';
import type { App, Context } from './context.ts';
import { RULES, type Rule } from './rules.ts';

const MAX_TOKEN_LENGTH = 512;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** For routes that share one row of `RULES`; else method and path name it. */
    row?: 'GET /<console>';
  }
  interface FastifyRequest {
    /** Who calls; nobody on public routes. */
    caller: Caller | undefined;
    /** The sign-in that the caller came by, unless he showed his token. */
    session: Session | undefined;
    /** The projects that this call may touch. */
    reach: Projects;
  }
}

/**
 * Checks the bearer token (RFC 6750) of each call, or the session's cookie where there is no token, and what its role may do, before anything of the body is read. What
 * a role may do is said in `RULES` alone, and a route that has no row there can't be added.
 */
export function guardRoutes(
  app: App,
  { tokens, apiRate, registry, signIn }: Pick<Context, 'tokens' | 'apiRate' | 'registry' | 'signIn'>,
): void {
  app.decorateRequest('caller', undefined);
  app.decorateRequest('session', undefined);
  app.decorateRequest('refusedWith', undefined);
  app.decorateRequest('reach');
  app.addHook('onRoute', ({ method, url, config }) => {
    for (const name of [method].flat()) ruleOf(config?.row ?? `${name} ${url}`);
  });
  app.addHook('onRequest', async request => {
    request.reach = [];
    // Also where no route was found: there is nothing to protect then.
    if (request.is404) return;
    const { config, url = '' } = request.routeOptions;
    const rule = ruleOf(config.row ?? `${request.method} ${url}`);
    if (rule === 'public') return;
    const secret = request.raw.headersDistinct.authorization === undefined ? sessionSecretOf(request) : undefined;
    if (secret !== undefined) {
      requireOwnPage(request);
      request.session = await findSession(registry, tokens, secret, signIn?.rulesId);
    }
    const caller = secret === undefined ? await tokens.find(bearerToken(request)) : request.session?.caller;
    if (caller === undefined)
      throw new Refusal('unauthenticated', `the ${secret === undefined ? 'bearer token' : 'session'} is not known`);
    request.caller = caller;
    request.reach = reachOf(caller, rule);
    if (rule.about === 'every' && request.reach !== 'all')
      throw new Refusal('forbidden', 'this call is not for a token that is bound to projects');
    if (rule.about === 'path') requireProject(request, (request.params as { project: string }).project);
    // Auth servers ask as often as their pipeds make them, and bound that themselves.
    if (caller.role === 'auth-server') return;
    const retryAfterSeconds = apiRate.take(caller.id);
    if (retryAfterSeconds > 0)
      throw new Refusal('rate_limited', 'too many calls with this token', { retryAfterSeconds });
  });
}

/** @throws Refusal `forbidden` */
export function requireProject({ reach }: Pick<FastifyRequest, 'reach'>, project: string): void {
  if (!isWithin(reach, project)) throw new Refusal('forbidden', 'this token is not for this project');
}

export function isWithin(reach: Projects, project: string): boolean {
  return reach === 'all' || reach.includes(project);
}

function reachOf({ role, projects }: Caller, rule: Rule): Projects {
  if (rule[role] === 'no') throw new Refusal('forbidden', `this call is not for a token of the role ${role}`);
  return rule[role] === 'all' ? 'all' : projects;
}

function ruleOf(row: string): 'public' | Rule {
  const rule = (RULES as Readonly<Record<string, 'public' | Rule>>)[row];
  if (rule === undefined) throw new Error(`no rule says who may call ${row}: give it a row in RULES`);
  return rule;
}

/** @throws Refusal `unauthenticated` */
export function bearerToken(request: FastifyRequest, maxLength = MAX_TOKEN_LENGTH): string {
  // node:http keeps the first of several, and says nothing of the others.
  const values = request.raw.headersDistinct.authorization ?? [];
  const [, token] = /^Bearer +([\x21-\x7e]+)$/i.exec(values[0] ?? '') ?? [];
  if (values.length !== 1 || token === undefined || token.length > maxLength) {
    throw new Refusal('unauthenticated', 'send one authorization header: Bearer and the token');
  }
  return token;
}

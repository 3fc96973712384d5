import type { FastifyRequest } from 'fastify';
import { Refusal } from '../problems/refusal.ts';
import type { App, Context } from './context.ts';

const MAX_TOKEN_LENGTH = 512;

/**
 * Checks the bearer token (RFC 6750) of each call before anything of its body is read. A route that does not say who
 * may call it can't be added.
 */
export function guardRoutes(app: App, { tokens }: Context): void {
  app.decorateRequest('caller', undefined);
  app.decorateRequest('refusedWith', undefined);
  app.addHook('onRoute', ({ url, config }) => {
    if (config?.access === undefined) throw new Error(`the route ${url} does not say who may call it`);
  });
  app.addHook('onRequest', async request => {
    // Also where no route was found: there is nothing to protect then.
    if (request.is404) return;
    const access = request.routeOptions.config.access ?? [];
    if (access === 'public') return;
    const caller = await tokens.find(bearerToken(request));
    if (caller === undefined) throw new Refusal('unauthenticated', 'the bearer token is not known');
    if (!access.includes(caller.role)) {
      throw new Refusal('forbidden', `this call is not for a token of the role ${caller.role}`);
    }
    request.caller = caller;
  });
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

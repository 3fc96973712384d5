import { isLoopbackHost } from '@spanpass/credential';
import type { FastifyRequest } from 'fastify';
import { Refusal } from '../problems/refusal.ts';

/** No other host can set a cookie of this name (RFC 6265bis, `__Host-`), which asks for `Secure`. */
const SECURE_NAME = '__Host-spanpass-session';
const LOOPBACK_NAME = 'spanpass-session';
const ATTRIBUTES = 'HttpOnly; SameSite=Strict; Path=/';

/** Only this host's own page can send it: a form can't, and a script of another origin is asked for leave first. */
export const CONSOLE_HEADER = 'x-spanpass-console';

export function sessionCookie(request: FastifyRequest, secret: string, maxAgeSeconds: number): string {
  const cookie = `${nameFor(request)}=${secret}; Max-Age=${maxAgeSeconds}; ${ATTRIBUTES}`;
  return isSecure(request) ? `${cookie}; Secure` : cookie;
}

export function sessionSecretOf(request: FastifyRequest): string | undefined {
  const name = nameFor(request);
  const found = (request.headers.cookie ?? '')
    .split(/; */)
    .map(pair => pair.split('='))
    .filter(([key]) => key === name);
  return found.length === 1 ? found[0]?.[1] : undefined;
}

/**
 * What a browser says of a call that carries its cookie must not tell of another site.
 *
 * @throws Refusal `forbidden`
 */
export function requireOwnPage({ method, headers }: FastifyRequest): void {
  const site = headers['sec-fetch-site'];
  const isOwn = site === undefined || site === 'same-origin' || (site === 'none' && method === 'GET');
  const isMarked = method === 'GET' || headers[CONSOLE_HEADER] === '1';
  if (!isOwn || !isMarked)
    throw new Refusal('forbidden', 'a session is for the console alone, and not for other pages');
}

function nameFor(request: FastifyRequest): string {
  return isSecure(request) ? SECURE_NAME : LOOPBACK_NAME;
}

/** Beyond loopback always: over clear text a browser then keeps no session at all. */
function isSecure(request: FastifyRequest): boolean {
  return request.protocol === 'https' || !isLoopbackHost(request.hostname);
}

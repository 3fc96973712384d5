import { isLoopbackHost } from '@spanpass/credential';
import type { FastifyRequest } from 'fastify';
import { Refusal } from '../problems/refusal.ts';

/** No other host can set a cookie whose name begins with `__Host-` (RFC 6265bis), which asks for `Secure`. */
const SESSION = { secure: '__Host-spanpass-session', loopback: 'spanpass-session', sameSite: 'Strict' } as const;
/**
 * Of a sign-in under way. The browser comes back from another site with it, which `Strict` would not let through; what
 * it holds is good for that one time, and for nothing else.
 */
const SIGN_IN = { secure: '__Host-spanpass-sign-in', loopback: 'spanpass-sign-in', sameSite: 'Lax' } as const;

/** Only this host's own page can send it: a form can't, and a script of another origin is asked for leave first. */
export const CONSOLE_HEADER = 'x-spanpass-console';

type Kind = typeof SESSION | typeof SIGN_IN;

export function sessionCookie(request: FastifyRequest, secret: string, maxAgeSeconds: number): string {
  return setCookie(request, SESSION, secret, maxAgeSeconds);
}

export function sessionSecretOf(request: FastifyRequest): string | undefined {
  return readCookie(request, SESSION);
}

export function signInCookie(request: FastifyRequest, attempt: string, maxAgeSeconds: number): string {
  return setCookie(request, SIGN_IN, attempt, maxAgeSeconds);
}

export function signInAttemptOf(request: FastifyRequest): string | undefined {
  return readCookie(request, SIGN_IN);
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

function setCookie(request: FastifyRequest, kind: Kind, value: string, maxAgeSeconds: number): string {
  const name = nameFor(request, kind);
  const cookie = `${name}=${value}; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=${kind.sameSite}; Path=/`;
  return isSecure(request) ? `${cookie}; Secure` : cookie;
}

function readCookie(request: FastifyRequest, kind: Kind): string | undefined {
  const name = nameFor(request, kind);
  const found = (request.headers.cookie ?? '')
    .split(/; */)
    .map(pair => pair.split('='))
    .filter(([key]) => key === name);
  return found.length === 1 ? found[0]?.[1] : undefined;
}

function nameFor(request: FastifyRequest, { secure, loopback }: Kind): string {
  return isSecure(request) ? secure : loopback;
}

/** Beyond loopback always: over clear text a browser then keeps no session at all. */
function isSecure(request: FastifyRequest): boolean {
  return request.protocol === 'https' || !isLoopbackHost(request.hostname);
}

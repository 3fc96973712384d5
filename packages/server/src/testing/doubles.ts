import type { Authenticator, Principal, Server, VerifiedFacts } from '../contract.ts';
import { AuthenticationError, type RefusalCode } from '../refusals.ts';

/** Somebody to let in. */
export const SOMEBODY: Principal = Object.freeze({
  project: 'shop',
  piped: 'edge-1',
  credentialId: 'test-key',
  authenticator: 'always-allow',
  scopes: Object.freeze(['traces', 'metrics', 'logs', 'profiles'] as const),
  expiresAt: Number.MAX_SAFE_INTEGER,
});

/** A server that lets everybody in, as the same principal. For tests only: nothing is checked. */
export function alwaysAllow(principal: Principal = SOMEBODY): Server {
  return { authenticate: () => principal };
}

/** A server that refuses everybody for the same reason. */
export function alwaysRefuse(code: RefusalCode = 'credential_missing'): Server {
  return {
    authenticate: () => {
      throw new AuthenticationError(code);
    },
  };
}

/** An authenticator that takes every request for the same principal's. For tests only: nothing is checked. */
export function allowingAuthenticator(principal: Principal = SOMEBODY): Authenticator {
  const facts: VerifiedFacts = Object.freeze({ principal, stillHolds: () => true });
  return { name: principal.authenticator, restsOn: 'request', authenticate: () => ({ kind: 'authenticated', facts }) };
}

/** An authenticator that takes every request for its own and refuses it. */
export function refusingAuthenticator(code: RefusalCode = 'credential_malformed'): Authenticator {
  return {
    name: 'always-refuse',
    restsOn: 'request',
    authenticate: () => ({ kind: 'refused', error: new AuthenticationError(code) }),
  };
}

/** An authenticator that takes no request for its own. */
export function indifferentAuthenticator(): Authenticator {
  return { name: 'never-mine', restsOn: 'request', authenticate: () => ({ kind: 'not-mine' }) };
}

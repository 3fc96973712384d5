import { createHash, timingSafeEqual } from 'node:crypto';
import { idSchema, SIGNALS } from '@spanpass/credential';
import { AuthenticationError, type Authenticator, type CheckedRequest } from '@spanpass/server';
import { gatewayDefaults } from '../gateway-config/index.ts';

/** A gateway's token is as good as a key: nothing shorter than 128 bits, however it is written. */
const MIN_TOKEN_LENGTH = 22;

/**
 * For a receiver that stands behind a gateway: takes only requests that carry the gateway's token and both identity
 * headers, each exactly once, and believes those headers. Whoever comes around the gateway has no token; a gateway that
 * was talked into passing something unchecked has no identity to show.
 *
 * @throws TypeError if the token is shorter than 22 characters
 */
export function gatewayAuthenticator(token: string): Authenticator {
  if (token.length < MIN_TOKEN_LENGTH)
    throw new TypeError(`the gateway token needs ${MIN_TOKEN_LENGTH} characters or more`);
  const expected = digest(`Bearer ${token}`);
  return {
    name: 'gateway',
    restsOn: 'request',
    authenticate(request) {
      const shown = single(request, gatewayDefaults.gatewayHeader);
      if (shown === undefined || !timingSafeEqual(digest(shown), expected)) return { kind: 'not-mine' };
      const project = idSchema.safeParse(single(request, gatewayDefaults.projectHeader));
      const piped = idSchema.safeParse(single(request, gatewayDefaults.pipedHeader));
      if (!project.success || !piped.success) {
        return { kind: 'refused', error: new AuthenticationError('request_malformed') };
      }
      const principal = {
        project: project.data,
        piped: piped.data,
        credentialId: 'gateway',
        authenticator: 'gateway',
        // What the piped may send was checked by the gateway.
        scopes: SIGNALS,
        expiresAt: Number.MAX_SAFE_INTEGER,
      };
      return { kind: 'authenticated', facts: { principal, stillHolds: () => false } };
    },
  };
}

/** HTTP libraries hand a header that was sent twice out as a list, or joined by a comma; ids hold none. */
function single({ headers }: CheckedRequest, name: string): string | undefined {
  const value = headers[name];
  if (typeof value === 'string' || value === undefined) return value;
  return value.length === 1 ? value[0] : undefined;
}

/** Of equal length, whatever was sent. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

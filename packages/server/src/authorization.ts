import { MAX_CREDENTIAL_LENGTH } from '@spanpass/credential';
import { AuthorizationAtHand } from './authorization-at-hand.ts';
import type { CheckedRequest } from './contract.ts';
import { AuthenticationError } from './refusals.ts';

/** Room for a scheme's name beside the longest credential. */
const MAX_AUTHORIZATION_LENGTH = MAX_CREDENTIAL_LENGTH + 64;

/** A second credential behind a comma (`Bearer one,Bearer two`): how proxies join a header that was sent twice. */
const JOINED = /,[ \t]*[A-Za-z0-9!#$%&'*+.^_`|~-]+[ \t]+[^ \t]/;

/**
 * The request's one authorization value; none if the header is absent or empty.
 *
 * @throws AuthenticationError `credential_multiple`, `credential_too_large`
 */
export function soleAuthorization(request: CheckedRequest): string | undefined {
  const header = request instanceof AuthorizationAtHand ? request.authorization : request.headers.authorization;
  const value = typeof header === 'string' || header === undefined ? header : onlyOf(header);
  if (value === undefined || value === '') return undefined;
  if (value.length > MAX_AUTHORIZATION_LENGTH) throw new AuthenticationError('credential_too_large');
  if (value.includes(',') && JOINED.test(value)) throw new AuthenticationError('credential_multiple');
  return value;
}

/**
 * The token of a `Bearer` authorization (RFC 6750 section 2.1); the scheme's case does not count (RFC 9110 section 11.1).
 *
 * @throws AuthenticationError as `soleAuthorization`
 */
export function bearerToken(request: CheckedRequest): string | undefined {
  return /^bearer +(.*)$/is.exec(soleAuthorization(request) ?? '')?.[1];
}

function onlyOf(values: readonly string[]): string | undefined {
  if (values.length > 1) throw new AuthenticationError('credential_multiple');
  return values[0];
}

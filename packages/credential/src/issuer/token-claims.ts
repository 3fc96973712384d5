import { z } from 'zod';
import { CredentialError } from '../errors.ts';
import { NEVER } from '../never.ts';
import { CLOCK_SKEW_SECONDS } from '../purposes.ts';

/** RFC 7519 section 2: seconds, perhaps with a fraction. */
const numericDate = z.number().min(0).max(NEVER);
const text = z.string().min(1).max(2048);

/** RFC 7519 section 4.1; what else is in a token is for the mapping. */
const claimsSchema = z.object({
  aud: z.union([text.transform(only => [only]), z.array(text).min(1).max(64)]),
  exp: numericDate,
  iat: numericDate.optional(),
  nbf: numericDate.optional(),
  cnf: z.record(z.string(), z.unknown()).optional(),
});

/** What an access token has to have besides (RFC 9068 section 2.2). */
const accessTokenSchema = z.object({ sub: text, client_id: text, iat: numericDate, jti: text });

export interface TokenClaims {
  readonly aud: readonly string[];
  /** NumericDates, seconds. */
  readonly exp: number;
  readonly iat: number | undefined;
  readonly nbf: number | undefined;
  /** What the token is bound to (RFC 7800 section 3.1): without a proof of that it is nobody's. */
  readonly cnf: Readonly<Record<string, unknown>> | undefined;
}

/** @throws CredentialError `claims_malformed` */
export function parseTokenClaims(verified: unknown, isAccessToken: boolean): TokenClaims {
  const parsed = claimsSchema.safeParse(verified);
  const complete = !isAccessToken || accessTokenSchema.safeParse(verified).success;
  if (!parsed.success || !complete) throw new CredentialError('claims_malformed');
  const { aud, exp, iat, nbf, cnf } = parsed.data;
  return { aud, exp, iat, nbf, cnf };
}

/**
 * Each comparison is written so that a clock that gives NaN refuses.
 *
 * @throws CredentialError `lifetime_invalid`, `issued_in_future`, `expired`
 */
export function checkTimes({ exp, iat, nbf }: TokenClaims, nowSeconds: number, maxLifeSeconds: number): void {
  if (!(exp - (iat ?? nowSeconds) <= maxLifeSeconds)) throw new CredentialError('lifetime_invalid');
  if (iat !== undefined && !(exp > iat)) throw new CredentialError('lifetime_invalid');
  if (!(Math.max(iat ?? 0, nbf ?? 0) <= nowSeconds + CLOCK_SKEW_SECONDS)) throw new CredentialError('issued_in_future');
  if (!(nowSeconds < exp + CLOCK_SKEW_SECONDS)) throw new CredentialError('expired');
}

import type { Algorithm } from '../algorithms.ts';
import type { UnverifiedJws } from '../compact.ts';
import { CredentialError } from '../errors.ts';

/** RFC 9068 section 2.1; the prefix may be left away (RFC 7515 section 4.1.9), and its case does not count. */
const ACCESS_TOKEN_TYP = /^(?:application\/)?at\+jwt$/i;
const PLAIN_TYP = /^(?:application\/)?jwt$/i;

export interface TokenHeader {
  readonly alg: Algorithm;
  readonly kid: string;
  readonly isAccessToken: boolean;
}

/**
 * Judges the header of an issuer's token: a type that could be meant for here (a `logout+jwt` of the same issuer is
 * not), an algorithm from the list, and a kid.
 *
 * @throws CredentialError `typ_mismatch`, `algorithm_mismatch`, `header_malformed`
 */
export function checkTokenHeader(
  { unverifiedHeader: { alg, kid, typ, cty } }: UnverifiedJws,
  algorithms: readonly Algorithm[],
  accessTokensOnly: boolean,
): TokenHeader {
  if (typ !== undefined && typeof typ !== 'string') throw new CredentialError('header_malformed');
  const isAccessToken = ACCESS_TOKEN_TYP.test(typ ?? '');
  const isPlain = !accessTokensOnly && (typ === undefined || PLAIN_TYP.test(typ));
  if (!isAccessToken && !isPlain) throw new CredentialError('typ_mismatch');
  const allowed = algorithms.find(algorithm => algorithm === alg);
  if (allowed === undefined) throw new CredentialError('algorithm_mismatch');
  // A nested token (RFC 7519 section 5.2) would be judged by its wrapping.
  if (typeof kid !== 'string' || !/^[!-~]{1,256}$/.test(kid) || cty !== undefined) {
    throw new CredentialError('header_malformed');
  }
  return { alg: allowed, kid, isAccessToken };
}

import { type Algorithm, algorithmSchema, CredentialError, parseJws, verifySignature } from '@spanpass/credential';
import {
  checkTimes,
  checkTokenHeader,
  IssuerError,
  type IssuerKeys,
  parseTokenClaims,
} from '@spanpass/credential/issuer';
import { Refusal } from '../problems/refusal.ts';

export const ID_TOKEN_ALGORITHMS: readonly Algorithm[] = algorithmSchema.options;
const MAX_LIFE_SECONDS = 86_400;

export interface ExpectedIdToken {
  readonly issuer: string;
  readonly clientId: string;
  readonly keys: IssuerKeys;
  /** Seconds. */
  readonly now: number;
}

/**
 * Verifies an ID token by the rules that auth servers have for an issuer's tokens: form and size, type, algorithm (never
 * one that a shared secret makes, nor none), the issuer's own key, signature, audience and times.
 *
 * @returns its claims
 * @throws Refusal `sign_in_issuer_mismatch`, `id_token_invalid`, `identity_provider_unavailable`
 */
export async function verifyIdToken(
  token: string,
  { issuer, clientId, keys, now }: ExpectedIdToken,
): Promise<Readonly<Record<string, unknown>>> {
  try {
    const jws = parseJws(token);
    if (jws.unverifiedClaims.iss !== issuer)
      throw new Refusal('sign_in_issuer_mismatch', 'the ID token is of another issuer');
    const { alg, kid, isAccessToken } = checkTokenHeader(jws, ID_TOKEN_ALGORITHMS, false);
    if (isAccessToken) throw new CredentialError('typ_mismatch');
    const key = await keys.get(kid, alg);
    if (key === undefined) throw new CredentialError('key_unknown');
    await verifySignature(token, jws, key);
    const claims = parseTokenClaims(jws.unverifiedClaims, false);
    if (!claims.aud.includes(clientId)) throw new CredentialError('audience_mismatch');
    checkTimes(claims, now, MAX_LIFE_SECONDS);
    return jws.unverifiedClaims;
  } catch (error) {
    if (error instanceof CredentialError) throw new Refusal('id_token_invalid', `the ID token: ${error.message}`);
    if (error instanceof IssuerError) {
      throw new Refusal('identity_provider_unavailable', 'the keys of the identity provider can not be looked up');
    }
    throw error;
  }
}

import { CLOCK_SKEW_SECONDS, parseJws, type UnverifiedJws, verifySignature } from '@spanpass/credential';
import {
  checkTimes,
  checkTokenHeader,
  type IssuerKey,
  IssuerKeys,
  parseTokenClaims,
  type TokenClaims,
} from '@spanpass/credential/issuer';
import { bearerToken } from '../authorization.ts';
import { untilAborted } from '../check-deadline.ts';
import type { Authenticator, AuthenticatorOutcome, Owner, SignatureResult, VerifiedFacts } from '../contract.ts';
import { createSteadyClock } from '../keys/steady-clock.ts';
import { AuthenticationError } from '../refusals.ts';
import { certificateOf } from './oidc/certificate-binding.ts';
import { claimMapper, type MappedClaims } from './oidc/claim-mapping.ts';
import { discoverKeys } from './oidc/discovery.ts';
import { fetchJson } from './oidc/fetch-json.ts';
import { checkOidcOptions, type OidcOptions } from './oidc/options.ts';
import { findPiped, inactivity, isActive, type PipedRecord } from './piped-source.ts';

export type { ClaimMapping, ClaimPath } from './oidc/claim-mapping.ts';
export type { OidcOptions } from './oidc/options.ts';

/**
 * Takes the JWTs of one OpenID Connect issuer: those whose unverified `iss` is its. What is cheap comes first: form,
 * type, algorithm and kid; then the issuer's key, the signature, the claims, whom they name, the audience, the times,
 * and at last whether the piped may pass, so that nobody without a token learns anything of it.
 *
 * Keys come from the issuer's discovery document or from `jwksUri`. A key that the issuer withdraws counts until its
 * set is fetched again, `keyMaxAgeMs` at the latest, or `keyMaxStaleMs` while the issuer is down. Where a kid can't be
 * looked up the answer is `key_source_unavailable`, never a refusal of the token.
 *
 * A token is as good as its issuer: without `pipeds` nothing but its end takes it away.
 *
 * @throws TypeError if the issuer or the audience is missing, or an option is out of its range
 * @example
 * oidc({ issuer: 'https://login.example.org/realms/edge', audience: 'spanpass-gateway', claims: { piped: 'client_id' } });
 */
export function oidc(options: OidcOptions): Authenticator {
  const checked = checkOidcOptions(options);
  const { name, issuer, audiences, algorithms, projects, scopes, maxLifeSeconds, timeoutMs } = checked;
  const { pipeds, now = Date.now, accessTokensOnly = false } = options;
  const mapClaims = claimMapper(options.claims ?? {});
  const http = { timeoutMs, maxBytes: checked.maxAnswerBytes, ...(options.ca !== undefined && { ca: options.ca }) };
  const keys = new IssuerKeys({
    fetchKeySet: async () => fetchJson(checked.jwksUri ?? (await discoverKeys(issuer, http)), http),
    algorithms,
    maxAgeMs: checked.keyMaxAgeMs,
    maxStaleMs: checked.keyMaxStaleMs,
    cooldownMs: checked.unknownKeyCooldownMs,
    retryMs: checked.retryMs,
    clock: options.clock ?? createSteadyClock(),
  });

  /** @throws AuthenticationError, CredentialError */
  async function verify(token: string, jws: UnverifiedJws, seen: Seen): Promise<VerifiedFacts> {
    const { alg, kid, isAccessToken } = checkTokenHeader(jws, algorithms, accessTokensOnly);
    const key = await keys.get(kid, alg).catch(cause => {
      throw new AuthenticationError('key_source_unavailable', { cause });
    });
    if (key === undefined) throw new AuthenticationError('key_unknown');
    seen.signature = 'invalid';
    await verifySignature(token, jws, key);
    seen.signature = 'valid';
    const claims = parseTokenClaims(jws.unverifiedClaims, isAccessToken);
    const certificateThumbprint = certificateOf(claims);
    const mapped = mapClaims(jws.unverifiedClaims);
    if (mapped === undefined) throw new AuthenticationError('claims_malformed');
    const owner = Object.freeze({ project: mapped.project, piped: mapped.piped, credentialId: kid });
    try {
      if (projects?.has(owner.project) === false) throw new AuthenticationError('project_mismatch', { owner });
      if (!claims.aud.some(audience => audiences.includes(audience))) {
        throw new AuthenticationError('audience_mismatch', { owner });
      }
      checkTimes(claims, now() / 1000, maxLifeSeconds);
      const record = pipeds && (await findPiped(pipeds, owner, timeoutMs));
      if (pipeds !== undefined && record === undefined) throw new AuthenticationError('piped_unknown', { owner });
      const inactive = record && inactivity(record, owner);
      if (inactive !== undefined) throw inactive;
      return factsOf(owner, { claims, certificateThumbprint, mapped, key, record });
    } catch (error) {
      throw AuthenticationError.from(error, owner);
    }
  }

  function factsOf(owner: Owner, verified: Verified): VerifiedFacts {
    const { certificateThumbprint, mapped, key, record } = verified;
    const { exp, iat, nbf } = verified.claims;
    const validFrom = Math.max(iat ?? 0, nbf ?? 0) - CLOCK_SKEW_SECONDS;
    return Object.freeze({
      principal: Object.freeze({
        ...owner,
        authenticator: name,
        scopes: Object.freeze(scopesOf(mapped, record)),
        expiresAt: exp,
      }),
      ...(certificateThumbprint !== undefined && { certificateThumbprint }),
      stillHolds: (nowSeconds: number) =>
        keys.peek(key.kid, key.alg) === key &&
        nowSeconds >= validFrom &&
        nowSeconds < exp &&
        (record === undefined || (pipeds?.peek(owner.project, owner.piped) === record && isActive(record))),
    });
  }

  /** No more than the record allows, and no more than the token does. */
  function scopesOf(mapped: MappedClaims, record: PipedRecord | undefined) {
    const allowed = record?.scopes ?? mapped.scopes ?? scopes;
    return allowed.filter(signal => mapped.scopes?.includes(signal) ?? true);
  }

  return {
    name,
    restsOn: 'authorization',
    authenticate(request, signal) {
      const token = bearerToken(request);
      if (token === undefined) return { kind: 'not-mine' };
      const jws = parse(token);
      if (jws instanceof AuthenticationError) return { kind: 'not-mine', closest: jws };
      if (jws.unverifiedClaims.iss !== issuer) {
        return { kind: 'not-mine', closest: new AuthenticationError('issuer_unknown') };
      }
      const seen: Seen = {};
      const verified = verify(token, jws, seen).then(
        (facts): AuthenticatorOutcome => ({ kind: 'authenticated', facts, ...seen }),
        (error): AuthenticatorOutcome => ({ kind: 'refused', error: AuthenticationError.from(error), ...seen }),
      );
      return untilAborted(verified, signal);
    },
  };
}

interface Seen {
  signature?: SignatureResult;
}

interface Verified {
  readonly claims: TokenClaims;
  readonly certificateThumbprint: string | undefined;
  readonly mapped: MappedClaims;
  readonly key: IssuerKey;
  readonly record: PipedRecord | undefined;
}

function parse(token: string): UnverifiedJws | AuthenticationError {
  try {
    return parseJws(token);
  } catch (error) {
    return AuthenticationError.from(error);
  }
}

import { CLOCK_SKEW_SECONDS } from '@spanpass/credential';
import { signals } from '../signals.ts';
import { identified } from './identity.ts';
import type { EnvoySettings, JwtSettings } from './options.ts';
import { duration, extension } from './proto.ts';

const filter = 'envoy.filters.http.jwt_authn';
const provider = 'spanpass';
/** Where the claims of a verified token, and the fault of another one, are in the filter's dynamic metadata. */
export const claimsKey = 'claims';
const faultKey = 'fault';

/** The longest life that a control plane can be told to give a token. */
const maxLife = '900s';

/**
 * The first door where nobody is asked: a token is verified by the control plane's public keys, and says whom to stamp. One
 * whose signature held is remembered until it ends.
 */
export function verifyAccessToken({ projectHeader, pipedHeader }: EnvoySettings, auth: JwtSettings) {
  return extension(filter, 'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication', {
    providers: {
      [provider]: {
        issuer: auth.issuer,
        audiences: [auth.audience],
        from_headers: [{ name: 'authorization', value_prefix: 'Bearer ' }],
        forward: false,
        require_expiration: true,
        max_lifetime: maxLife,
        clock_skew_seconds: CLOCK_SKEW_SECONDS,
        remote_jwks: {
          http_uri: { uri: `${auth.issuer}/oauth2/jwks`, cluster: 'auth', timeout: '3s' },
          cache_duration: duration(auth.keyMaxAgeMs),
          // Ahead of their end and not while a request waits; those at hand serve on while the control plane is away.
          async_fetch: { failed_refetch_duration: '1s' },
          retry_policy: { num_retries: 3, retry_back_off: { base_interval: '0.1s', max_interval: '0.5s' } },
        },
        ...(auth.maxCachedTokens > 0 && { jwt_cache_config: { jwt_cache_size: auth.maxCachedTokens } }),
        claim_to_headers: [
          { header_name: projectHeader, claim_name: 'project' },
          { header_name: pipedHeader, claim_name: 'sub' },
        ],
        payload_in_metadata: claimsKey,
        normalize_payload_in_metadata: { space_delimited_claims: ['scope'] },
        failed_status_in_metadata: faultKey,
      },
    },
    rules: [{ match: { prefix: '/' }, requires: { provider_name: provider } }],
  });
}

/** The second door: nothing passes without an identity, nor on the path of a signal that is not in the token's scope. */
export function demandScope({ projectHeader, pipedHeader }: EnvoySettings) {
  return extension('envoy.filters.http.rbac', 'envoy.extensions.filters.http.rbac.v3.RBAC', {
    rules: {
      action: 'ALLOW',
      policies: Object.fromEntries(
        signals.map(({ name, grpcPath, httpPath }) => [
          name,
          {
            permissions: [grpcPath, httpPath].map(exact => ({ url_path: { path: { exact } } })),
            principals: [{ and_ids: { ids: [...identified(projectHeader, pipedHeader), inScope(name)] } }],
          },
        ]),
      ),
    },
  });
}

function inScope(signal: string) {
  const value = { list_match: { one_of: { string_match: { exact: signal } } } };
  return {
    sourced_metadata: { metadata_matcher: { filter, path: [{ key: claimsKey }, { key: 'scope' }], value } },
  };
}

/** For answers: whether there was no key to verify a token by, which is no fault of the token. */
export const withoutKeys = {
  metadata_filter: {
    matcher: {
      filter,
      path: [{ key: faultKey }, { key: 'message' }],
      value: { string_match: { exact: 'Jwks remote fetch is failed' } },
    },
    match_if_key_not_found: false,
  },
};

import { algorithmSchema, SIGNALS } from '@spanpass/credential';
import { RETAIN_SECONDS } from '../../registry/rotate-signing-keys.ts';
import { publicKeysOf } from '../../registry/signing-keys.ts';
import { issuerMetadataSchema } from '../../wire/access-tokens.ts';
import { JWKS_MAX_AGE_SECONDS, jwksSchema } from '../../wire/signing-keys.ts';
import { PROBLEM_RESPONSES } from '../answers.ts';
import { boundedByPeer } from '../bounded-by-peer.ts';
import type { App, Context } from '../context.ts';
import { TOKEN_PATH } from './token-requests.ts';

const JWKS_PATH = '/oauth2/jwks';
/** The same document: OpenID Connect Discovery 1.0 section 4, and RFC 8414 section 3. */
const METADATA_PATHS = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'] as const;

const CACHEABLE = `public, max-age=${JWKS_MAX_AGE_SECONDS}`;

/** What verifiers of access tokens have to know, and pipeds who want one. */
export function issuerRoutes(app: App, { registry, exchangeRate, issuer }: Context): void {
  const common = { tags: ['access tokens'] };

  for (const path of METADATA_PATHS) {
    app.get(
      path,
      {
        schema: {
          ...common,
          summary: 'Says where access tokens are had, and where the keys are that verify them.',
          response: { 200: issuerMetadataSchema, ...PROBLEM_RESPONSES },
        },
      },
      async (_, reply) => {
        reply.header('cache-control', CACHEABLE);
        return {
          issuer: issuer(),
          token_endpoint: `${issuer()}${TOKEN_PATH}`,
          jwks_uri: `${issuer()}${JWKS_PATH}`,
          grant_types_supported: ['client_credentials'],
          // Nobody logs in here.
          response_types_supported: [],
          subject_types_supported: ['public'],
          scopes_supported: [...SIGNALS],
          token_endpoint_auth_methods_supported: ['private_key_jwt'],
          token_endpoint_auth_signing_alg_values_supported: [...algorithmSchema.options],
          id_token_signing_alg_values_supported: ['ES256'],
        };
      },
    );
  }

  app.get(
    JWKS_PATH,
    {
      onRequest: boundedByPeer(exchangeRate),
      schema: {
        ...common,
        summary:
          'The public keys that access tokens are signed with: those that did lately, the one that does, and those that will.',
        response: { 200: jwksSchema, ...PROBLEM_RESPONSES },
      },
    },
    async (_, reply) => {
      const keys = await publicKeysOf(registry, 'access-token', RETAIN_SECONDS);
      reply.header('cache-control', CACHEABLE);
      return keys;
    },
  );
}

import { Refusal } from '../../problems/refusal.ts';
import { exchange, verifyAssertion } from '../../registry/exchange.ts';
import { tokenAnswerSchema, tokenRequestSchema } from '../../wire/access-tokens.ts';
import { boundedByPeer } from '../bounded-by-peer.ts';
import type { App, Context } from '../context.ts';
import { OAUTH_RESPONSES } from '../oauth-error.ts';

export const TOKEN_PATH = '/oauth2/token';

const FORM = 'application/x-www-form-urlencoded';
const MAX_PARAMETERS = 32;

/** The token endpoint (RFC 6749 section 3.2), in a scope of its own, since nothing else takes forms. */
export function tokenRequestRoutes(parent: App, { registry, exchangeRate, exchangeKeyRate, issuer }: Context): void {
  parent.register(async scope => {
    const app = scope as unknown as App;
    app.removeContentTypeParser('application/json');
    app.addContentTypeParser(FORM, { parseAs: 'string' }, async (_: unknown, body: string) => parseForm(body));

    app.post(
      TOKEN_PATH,
      {
        config: { refusals: 'oauth' },
        onRequest: boundedByPeer(exchangeRate),
        schema: {
          summary:
            "Exchanges an assertion that a piped's key signed (RFC 7523) for an access token (RFC 9068) to the gateway.",
          tags: ['access tokens'],
          consumes: [FORM],
          body: tokenRequestSchema,
          response: { 200: tokenAnswerSchema, ...OAUTH_RESPONSES },
        },
      },
      async (request, reply) => {
        const { grant_type, client_assertion, client_id, scope: wanted } = request.body;
        if (grant_type !== 'client_credentials') {
          throw new Refusal('grant_unsupported', 'grant_type must be client_credentials');
        }
        const verified = await verifyAssertion(registry, client_assertion, issuer());
        if (client_id !== undefined && client_id !== verified.piped) {
          throw new Refusal('client_assertion_invalid', 'the assertion is not of this client_id');
        }
        // Only now: whoever merely knows a kid must not use up its rate.
        const retryAfterSeconds = exchangeKeyRate.take(verified.kid);
        if (retryAfterSeconds > 0)
          throw new Refusal('rate_limited', 'too many tokens for this key', { retryAfterSeconds });
        const { token, lifeSeconds, scopes } = await exchange(registry, verified, { issuer: issuer(), scope: wanted });
        reply.header('pragma', 'no-cache');
        return { access_token: token, token_type: 'Bearer' as const, expires_in: lifeSeconds, scope: scopes.join(' ') };
      },
    );
  });
}

/** RFC 6749 section 3.2: no parameter comes twice, and one without a value counts as left away. */
function parseForm(body: string): Record<string, string> {
  const parameters = new Map<string, string>();
  const entries = [...new URLSearchParams(body)];
  if (entries.length > MAX_PARAMETERS) throw new Refusal('invalid_request', 'too many parameters');
  for (const [name, value] of entries) {
    if (parameters.has(name)) throw new Refusal('invalid_request', 'a parameter comes twice');
    parameters.set(name, value);
  }
  return Object.fromEntries([...parameters].filter(([, value]) => value !== ''));
}

import { IssuerError, IssuerKeys } from '@spanpass/credential/issuer';
import * as oauth from 'oauth4webapi';
import { Refusal } from '../problems/refusal.ts';
import { type Grant, grantFor } from './grants.ts';
import { ID_TOKEN_ALGORITHMS, verifyIdToken } from './id-token.ts';
import type { SignInSettings } from './options.ts';
import type { Person } from './person.ts';
import { providerFetch } from './provider-fetch.ts';

const DISCOVERED_FOR_MS = 3_600_000;
/** From a failed discovery to the next. */
const RETRY_MS = 2000;
const TOLERANCE_SECONDS = 60;
const MAX_SUBJECT_LENGTH = 255;
const MAX_EMAIL_LENGTH = 254;

/** What a sign-in under way has to find again when the browser comes back. All of it is random, and for one time. */
export interface Attempt {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

export interface IdentityProviderOptions {
  readonly settings: SignInSettings;
  /** Wall clock, in milliseconds. */
  readonly now: () => number;
  /** Steady, in milliseconds. */
  readonly clock: () => number;
}

export function newAttempt(): Attempt {
  return {
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
    codeVerifier: oauth.generateRandomCodeVerifier(),
  };
}

/** The OpenID Connect provider that people sign in at: authorization code flow with PKCE, state and nonce. */
export class IdentityProvider {
  readonly #options: IdentityProviderOptions;
  readonly #keys: IssuerKeys;
  readonly #http: { readonly [oauth.customFetch]: ReturnType<typeof providerFetch> } & Record<symbol, unknown>;
  readonly #clientAuthentication: oauth.ClientAuth;
  #discovered: { readonly server: oauth.AuthorizationServer; readonly at: number } | undefined;
  #discovering: Promise<oauth.AuthorizationServer> | undefined;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(options: IdentityProviderOptions) {
    const { settings, clock } = options;
    this.#options = options;
    const ask = providerFetch(settings.issuer, settings.timeoutMs);
    // Which addresses are plain is for `ask` to judge.
    this.#http = { [oauth.customFetch]: ask, [oauth.allowInsecureRequests]: true };
    this.#clientAuthentication = clientAuthenticationOf(settings);
    this.#keys = new IssuerKeys({
      fetchKeySet: async () => {
        const { jwks_uri } = await this.#server();
        const response = await ask(jwks_uri ?? '', { headers: { accept: 'application/json' } });
        if (response.status !== 200) throw new IssuerError('the identity provider does not show its keys');
        return response.json();
      },
      algorithms: ID_TOKEN_ALGORITHMS,
      maxAgeMs: 600_000,
      maxStaleMs: 3_600_000,
      cooldownMs: 30_000,
      retryMs: 5000,
      clock,
    });
  }

  /**
   * Where a browser is sent.
   *
   * @throws Refusal `identity_provider_unavailable`
   */
  async authorizationUrl({ state, nonce, codeVerifier }: Attempt, redirectUri: string): Promise<URL> {
    const { authorization_endpoint: endpoint } = await this.#reachable();
    const { clientId, scopes } = this.#options.settings;
    const url = new URL(endpoint);
    const parameters = {
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      scope: scopes.join(' '),
      state,
      nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url;
  }

  /**
   * Changes what the browser came back with for who the person is and what he may do.
   *
   * @throws Refusal `sign_in_denied`, `sign_in_issuer_mismatch`, `sign_in_state_invalid`, `id_token_invalid`,
   *   `email_unverified`, `role_missing`, `identity_provider_unavailable`
   */
  async redeem(
    answer: URLSearchParams,
    attempt: Attempt,
    redirectUri: string,
  ): Promise<{ readonly person: Person; readonly grant: Grant }> {
    const server = await this.#reachable();
    const { settings, now } = this.#options;
    const client = {
      client_id: settings.clientId,
      [oauth.clockSkew]: Math.round((now() - Date.now()) / 1000),
      [oauth.clockTolerance]: TOLERANCE_SECONDS,
    };
    const parameters = checkAnswer(server, client, answer, attempt);
    const response = await this.#exchange(server, client, parameters, attempt, redirectUri);
    const expected = { issuer: server.issuer, clientId: settings.clientId, keys: this.#keys, now: now() / 1000 };
    const idToken = await idTokenIn(response.clone());
    const claims = idToken === undefined ? {} : await verifyIdToken(idToken, expected);
    // Which refuses an answer without an ID token.
    const tokens = await finish(server, client, response, attempt);
    const subject = String(claims.sub);
    if (subject.length > MAX_SUBJECT_LENGTH) throw new Refusal('id_token_invalid', 'the ID token: sub is too long');
    const all = settings.userInfo ? { ...(await this.#userInfo(server, client, tokens, subject)), ...claims } : claims;
    return { person: personOf(server.issuer, subject, all), grant: grantFor(settings.grants, all) };
  }

  async #exchange(
    server: oauth.AuthorizationServer,
    client: oauth.Client,
    parameters: URLSearchParams,
    { codeVerifier }: Attempt,
    redirectUri: string,
  ): Promise<Response> {
    try {
      return await oauth.authorizationCodeGrantRequest(
        server,
        client,
        this.#clientAuthentication,
        parameters,
        redirectUri,
        codeVerifier,
        this.#http,
      );
    } catch (error) {
      throw tokenRefusal(error);
    }
  }

  async #userInfo(
    server: oauth.AuthorizationServer,
    client: oauth.Client,
    { access_token }: oauth.TokenEndpointResponse,
    subject: string,
  ): Promise<oauth.UserInfoResponse> {
    try {
      const response = await oauth.userInfoRequest(server, client, access_token, this.#http);
      return await oauth.processUserInfoResponse(server, client, subject, response);
    } catch {
      throw new Refusal('identity_provider_unavailable', 'the identity provider does not say more of this person', {
        retryAfterSeconds: 5,
      });
    }
  }

  /** What the provider says of itself, where that is enough to sign in with. */
  async #reachable(): Promise<oauth.AuthorizationServer & { readonly authorization_endpoint: string }> {
    const server = await this.#server().catch(() => undefined);
    const endpoint = server?.authorization_endpoint;
    if (server === undefined || endpoint === undefined) {
      throw new Refusal('identity_provider_unavailable', 'the identity provider does not answer as it should', {
        retryAfterSeconds: 5,
      });
    }
    return { ...server, authorization_endpoint: endpoint };
  }

  async #server(): Promise<oauth.AuthorizationServer> {
    const { clock } = this.#options;
    if (this.#discovered && clock() - this.#discovered.at < DISCOVERED_FOR_MS) return this.#discovered.server;
    if (clock() - this.#failedAt < RETRY_MS) throw new IssuerError('the identity provider did not answer just now');
    this.#discovering ??= this.#discover().finally(() => {
      this.#discovering = undefined;
    });
    return this.#discovering;
  }

  async #discover(): Promise<oauth.AuthorizationServer> {
    const { settings, clock } = this.#options;
    const issuer = new URL(settings.issuer);
    try {
      const response = await oauth.discoveryRequest(issuer, { ...this.#http, algorithm: 'oidc' });
      const server = await oauth.processDiscoveryResponse(issuer, response);
      if (server.issuer !== settings.issuer) throw new IssuerError('the discovery document is of another issuer');
      for (const endpoint of [server.authorization_endpoint, server.token_endpoint, server.jwks_uri]) {
        if (typeof endpoint !== 'string' || !leadsOn(issuer, endpoint))
          throw new IssuerError('the discovery document leads to where nothing can be trusted');
      }
      this.#discovered = { server, at: clock() };
      return server;
    } catch (error) {
      this.#failedAt = clock();
      throw error;
    }
  }
}

/** From a provider over TLS to TLS only. */
function leadsOn(issuer: URL, endpoint: string): boolean {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && issuer.protocol === 'http:');
}

function clientAuthenticationOf({ clientSecret, clientAuthentication }: SignInSettings): oauth.ClientAuth {
  if (clientSecret === undefined) return oauth.None();
  return clientAuthentication === 'client_secret_post'
    ? oauth.ClientSecretPost(clientSecret)
    : oauth.ClientSecretBasic(clientSecret);
}

/** The library's errors hold what was sent: none of them goes further than here. */
function checkAnswer(
  server: oauth.AuthorizationServer,
  client: oauth.Client,
  answer: URLSearchParams,
  { state }: Attempt,
): URLSearchParams {
  const issuers = answer.getAll('iss');
  if (issuers.some(issuer => issuer !== server.issuer))
    throw new Refusal('sign_in_issuer_mismatch', 'the answer is of another identity provider than was asked');
  try {
    return oauth.validateAuthResponse(server, client, answer, state);
  } catch (error) {
    if (!(error instanceof oauth.AuthorizationResponseError))
      throw new Refusal('sign_in_state_invalid', 'the answer is not to the sign-in that was begun');
    if (error.error === 'server_error' || error.error === 'temporarily_unavailable')
      throw new Refusal('identity_provider_unavailable', `the identity provider answered ${error.error}`);
    throw new Refusal('sign_in_denied', 'the identity provider did not let the person in, or he did not want to');
  }
}

async function idTokenIn(response: Response): Promise<string | undefined> {
  const body: unknown = await response.json().catch(() => undefined);
  const { id_token } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  return typeof id_token === 'string' ? id_token : undefined;
}

/** Checks all of the answer, and of the ID token what it owes to this sign-in: nonce and authorized party. */
async function finish(
  server: oauth.AuthorizationServer,
  client: oauth.Client,
  response: Response,
  { nonce }: Attempt,
): Promise<oauth.TokenEndpointResponse> {
  try {
    return await oauth.processAuthorizationCodeResponse(server, client, response, {
      expectedNonce: nonce,
      requireIdToken: true,
    });
  } catch (error) {
    throw tokenRefusal(error);
  }
}

function tokenRefusal(error: unknown): Refusal {
  if (error instanceof oauth.ResponseBodyError) {
    return error.error === 'invalid_grant'
      ? new Refusal('sign_in_denied', 'the identity provider does not take the code')
      : new Refusal(
          'identity_provider_unavailable',
          'the identity provider does not take this client: see its settings',
        );
  }
  if (error instanceof oauth.OperationProcessingError && isAboutToken(error)) {
    return new Refusal('id_token_invalid', `the ID token: ${claimAtFault(error)} is not what it has to be`);
  }
  if (error instanceof oauth.UnsupportedOperationError)
    return new Refusal('id_token_invalid', 'the ID token: it is made in a way that is not taken here');
  return new Refusal('identity_provider_unavailable', 'the identity provider did not answer as it should', {
    retryAfterSeconds: 5,
  });
}

function claimAtFault({ cause }: oauth.OperationProcessingError): string {
  const { claim } = (cause ?? {}) as { claim?: unknown };
  return ['nonce', 'azp', 'aud', 'sub'].find(name => name === claim) ?? 'a part of it or of its answer';
}

/** The codes for what does not come as JSON at all. */
const ANSWER_CODES: readonly unknown[] = [oauth.PARSE_ERROR, oauth.RESPONSE_IS_NOT_JSON, oauth.RESPONSE_IS_NOT_CONFORM];

function isAboutToken({ code }: oauth.OperationProcessingError): boolean {
  return !ANSWER_CODES.includes(code);
}

function personOf(
  issuer: string,
  subject: string,
  { email, email_verified }: Readonly<Record<string, unknown>>,
): Person {
  const isNamed = email_verified === true && typeof email === 'string' && email.length <= MAX_EMAIL_LENGTH;
  return { issuer, subject, ...(isNamed && { email }) };
}

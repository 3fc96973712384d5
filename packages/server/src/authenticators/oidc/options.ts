import { type Algorithm, algorithmSchema, idSchema, type Signal, scopesSchema } from '@spanpass/credential';
import { wholeNumber } from '../../options.ts';
import type { PipedSource } from '../piped-source.ts';
import type { ClaimMapping } from './claim-mapping.ts';
import { isSafe } from './fetch-json.ts';

export interface OidcOptions {
  /** The issuer's URL, which a token's `iss` must equal to the letter. `https:`, or `http:` on loopback. */
  readonly issuer: string;
  /** This gateway's name at the issuer; a token's `aud` must hold one of them. No default: any token would do. */
  readonly audience: string | readonly string[];
  /** Tells this authenticator from others of its kind, in metrics and principals. Default `oidc`. */
  readonly name?: string;
  /** Where the keys are, if not where the discovery document says. `https:`, or `http:` on loopback. */
  readonly jwksUri?: string;
  /** Default and most: ES256, RS256, PS256, EdDSA. */
  readonly algorithms?: readonly Algorithm[];
  /** Takes only access tokens of RFC 9068 (`typ` `at+jwt`). Default false: `JWT` and no `typ` will do as well. */
  readonly accessTokensOnly?: boolean;
  /** How a token names its piped. Default: claims `project` and `sub`, no scopes. */
  readonly claims?: ClaimMapping;
  /** The projects that this issuer may speak for. Default all: have it set where others administer the issuer. */
  readonly projects?: readonly string[];
  /** Who is registered and enabled, and for which signals. Default: whoever the issuer gives a token to. */
  readonly pipeds?: PipedSource;
  /** What may be sent where neither token nor `pipeds` say. Default `traces`. */
  readonly scopes?: readonly Signal[];
  /** The longest life of a token, in seconds. Default 86,400. */
  readonly maxLifeSeconds?: number;
  /** How long fetched keys serve before they are fetched again, in milliseconds. Default 600,000. */
  readonly keyMaxAgeMs?: number;
  /** How long they serve while the issuer can't be reached, in milliseconds since they were fetched. Default 3,600,000. */
  readonly keyMaxStaleMs?: number;
  /** From one fetch to the next that an unknown kid brings about, in milliseconds. Default 30,000. */
  readonly unknownKeyCooldownMs?: number;
  /** From a failed fetch to the next, in milliseconds. Default 5000. */
  readonly retryMs?: number;
  /** How long an answer of the issuer (or a look-up in `pipeds`) may take, in milliseconds. Default 3000. */
  readonly timeoutMs?: number;
  /** The longest answer that is read from the issuer, in bytes. Default 262,144. */
  readonly maxAnswerBytes?: number;
  /** For `https:`: certificates to trust, PEM. Default: those that Node trusts. */
  readonly ca?: string | Buffer;
  /** Wall clock, in milliseconds. Default `Date.now`. */
  readonly now?: () => number;
  /** Steady clock, in milliseconds, for the age of keys. */
  readonly clock?: () => number;
}

/** The checked options, complete but for what is optional by nature. */
export function checkOidcOptions(options: OidcOptions) {
  const audiences = typeof options.audience === 'string' ? [options.audience] : (options.audience ?? []);
  if (audiences.length === 0 || audiences.some(audience => typeof audience !== 'string' || audience === '')) {
    throw new TypeError('audience must be the name of this gateway at the issuer, or a list of names');
  }
  const name = options.name ?? 'oidc';
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(name)) throw new TypeError('name must be 1 to 32 of a-z 0-9 -');
  return {
    name,
    issuer: issuerUrl(options.issuer),
    audiences,
    jwksUri: options.jwksUri === undefined ? undefined : safeUrl('jwksUri', options.jwksUri),
    algorithms: list('algorithms', options.algorithms ?? algorithmSchema.options, algorithmSchema),
    projects: options.projects && new Set(list('projects', options.projects, idSchema)),
    scopes: scopesOf(options.scopes ?? ['traces']),
    maxLifeSeconds: wholeNumber('maxLifeSeconds', options.maxLifeSeconds ?? 86_400),
    keyMaxAgeMs: wholeNumber('keyMaxAgeMs', options.keyMaxAgeMs ?? 600_000),
    keyMaxStaleMs: wholeNumber('keyMaxStaleMs', options.keyMaxStaleMs ?? 3_600_000),
    unknownKeyCooldownMs: wholeNumber('unknownKeyCooldownMs', options.unknownKeyCooldownMs ?? 30_000),
    retryMs: wholeNumber('retryMs', options.retryMs ?? 5000),
    timeoutMs: wholeNumber('timeoutMs', options.timeoutMs ?? 3000),
    maxAnswerBytes: wholeNumber('maxAnswerBytes', options.maxAnswerBytes ?? 262_144),
  };
}

/** An issuer is a URL without query and fragment (OpenID Connect Discovery 1.0 section 3). */
function issuerUrl(text: string): string {
  const url = safeUrl('issuer', text);
  if (url.search || url.hash || /[?#]/.test(text)) throw new TypeError('issuer must hold no query or fragment');
  return text;
}

function safeUrl(name: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !isSafe(url)) {
    throw new TypeError(`${name} must be an https: URL without a user, or an http: URL on loopback`);
  }
  return url;
}

function list<T>(
  name: string,
  values: readonly unknown[],
  schema: { safeParse(v: unknown): { success: boolean; data?: T } },
) {
  const parsed = values.map(value => schema.safeParse(value));
  if (parsed.length === 0 || parsed.some(({ success }) => !success))
    throw new TypeError(`${name} holds nothing, or what it may not`);
  return parsed.map(({ data }) => data as T);
}

function scopesOf(scopes: readonly Signal[]): readonly Signal[] {
  const parsed = scopesSchema.safeParse(scopes);
  if (!parsed.success) throw new TypeError('scopes must be a list of signals');
  return Object.freeze(parsed.data);
}

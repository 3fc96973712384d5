import {
  CLIENT_ASSERTION_TYPE,
  importSigningKey,
  type KeyFile,
  type Signal,
  scopesSchema,
  signCredential,
} from '@spanpass/credential';
import { z } from 'zod';
import type { CredentialSource } from './contract.ts';
import { type Answered, call, endpoint, invalidAnswer, refusal } from './control-plane.ts';
import type { ClientErrorCode } from './errors.ts';
import { type Minted, type RefreshingOptions, refreshingSource } from './refreshing-source.ts';
import { usableKeyFile, versionOf } from './signed-source.ts';

export interface ExchangeOptions {
  /** The control plane as it calls itself in its tokens, a URL. Default: the key file's. */
  readonly issuer?: string | undefined;
  /** What to ask for. Default: all that the piped may send. */
  readonly scopes?: readonly Signal[] | undefined;
  readonly fetch?: typeof fetch | undefined;
}

export interface ExchangedSourceOptions extends ExchangeOptions, Omit<RefreshingOptions, 'mint' | 'madeOf'> {
  /** Path of the key file, which is read again when it was replaced, so that a new key is taken up; or its content. */
  readonly keyFile: string | KeyFile;
}

/** Below this, a clock that disagrees with the control plane's is none of our trouble. */
const CLOCK_TOLERANCE_MS = 5_000;
const FORM = 'application/x-www-form-urlencoded';

const metadataSchema = z.object({ issuer: z.string(), token_endpoint: z.url() });
const tokenSchema = z.object({
  access_token: z.string(),
  token_type: z.string().regex(/^bearer$/i),
  expires_in: z.number().min(1).max(86_400),
});

/**
 * Exchanges an assertion that a piped's key signs (RFC 7523) for an access token of the control plane, and keeps one
 * fresh. Where to ask is read once from the issuer's discovery document, and again after a failure. A clock that is
 * wrong here is made up for by the control plane's.
 *
 * @throws TypeError for options that make no sense; `credential()` rejects with the codes of `readKeyFile`, and with
 *   `key_expired`, `plaintext_refused`, `control_plane_unreachable`, `control_plane_timed_out`,
 *   `control_plane_answer_invalid`, `source_timed_out`, `source_closed`, and as `ControlPlaneError` with
 *   `token_refused`, `token_forbidden` (piped or project are disabled), `token_unavailable` (it may be had later)
 * @example
 * const pass = createClient({ source: exchangedSource({ keyFile: '/etc/piped/key.json' }) });
 */
export function exchangedSource(options: ExchangedSourceOptions): CredentialSource {
  const { keyFile, issuer, scopes, now = Date.now, timeoutMs = 5_000, fetch } = options;
  if (keyFile === '') throw new TypeError('keyFile must not be empty');
  if (issuer !== undefined && !URL.canParse(issuer)) throw new TypeError('issuer must be a URL');
  if (scopes !== undefined && !scopesSchema.safeParse(scopes).success) throw new TypeError('scopes must be signals');
  const http = { timeoutMs, fetch };
  let known: { readonly issuer: string; readonly tokenEndpoint: URL } | undefined;
  let clockOffsetMs = 0;

  async function mint(): Promise<Minted> {
    try {
      const { file, nowMs } = await usableKeyFile(keyFile, now);
      const wanted = (issuer ?? file.controlPlane).replace(/\/+$/, '');
      if (known?.issuer !== wanted) known = await discover(wanted, http);
      const asked = await ask(file, known);
      const { url, answer } = asked;
      const token = tokenSchema.safeParse(answer);
      if (!token.success) throw invalidAnswer(url, 'did not answer with an access token');
      const { access_token, expires_in } = token.data;
      return { token: access_token, issuedAtMs: nowMs, expiresAtMs: nowMs + expires_in * 1000 };
    } catch (error) {
      known = undefined;
      throw error;
    }
  }

  async function ask(file: KeyFile, at: { issuer: string; tokenEndpoint: URL }): Promise<Answered & { url: URL }> {
    const assumedMs = clockOffsetMs;
    const answered = await request(file, at);
    const { status, dateMs } = answered;
    if (dateMs !== undefined) {
      const offsetMs = dateMs - now();
      clockOffsetMs = Math.abs(offsetMs) > CLOCK_TOLERANCE_MS ? offsetMs : 0;
    }
    const clockWasWrong = Math.abs(clockOffsetMs - assumedMs) > CLOCK_TOLERANCE_MS;
    const final = status === 401 && clockWasWrong ? await request(file, at) : answered;
    if (final.status === 200) return { ...final, url: at.tokenEndpoint };
    throw refusal(at.tokenEndpoint, final.status, final.answer, codeOf(final));
  }

  async function request(file: KeyFile, { issuer: audience, tokenEndpoint }: { issuer: string; tokenEndpoint: URL }) {
    const key = await importSigningKey(file);
    const signedAtMs = now() + clockOffsetMs;
    const assertion = await signCredential(key, { purpose: 'tokenExchange', audience, now: () => signedAtMs });
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: CLIENT_ASSERTION_TYPE,
      client_assertion: assertion,
      ...(scopes && { scope: scopes.join(' ') }),
    });
    const headers = { 'content-type': FORM };
    return call(tokenEndpoint, { method: 'POST', headers, body: form.toString() }, http);
  }

  return refreshingSource({ ...options, mint, madeOf: () => versionOf(keyFile) });
}

/** RFC 8414 section 3.3: a document that names another issuer could have an assertion made for somebody else's door. */
async function discover(issuer: string, http: { timeoutMs: number; fetch: typeof fetch | undefined }) {
  const url = endpoint(issuer, '/.well-known/openid-configuration');
  const { status, answer } = await call(url, { method: 'GET' }, http);
  if (status === 429 || status >= 500) throw refusal(url, status, answer, 'token_unavailable');
  const metadata = metadataSchema.safeParse(answer);
  if (status !== 200 || !metadata.success) throw invalidAnswer(url, 'issues no access tokens');
  if (metadata.data.issuer !== issuer)
    throw invalidAnswer(url, 'calls itself otherwise: give its name as exchange.issuer');
  const tokenEndpoint = endpoint(metadata.data.token_endpoint, '');
  if (tokenEndpoint.origin !== url.origin) throw invalidAnswer(url, 'leads to a token endpoint elsewhere');
  return { issuer, tokenEndpoint };
}

function codeOf({ status, answer }: Answered): ClientErrorCode {
  if (status === 429 || status >= 500) return 'token_unavailable';
  return (answer as { error?: unknown } | undefined)?.error === 'unauthorized_client'
    ? 'token_forbidden'
    : 'token_refused';
}

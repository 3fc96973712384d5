import { ClientError, type ClientErrorCode, ControlPlaneError } from './errors.ts';
import { assertConfidential } from './loopback.ts';
import { abortable } from './time-bound.ts';

const MAX_ANSWER_BYTES = 65_536;

export interface PostOptions {
  readonly fetch?: typeof fetch | undefined;
  /** Longest time for the whole exchange. Default 10,000 ms. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Posts JSON to a control plane and returns the JSON of a 2xx answer. Never over plaintext beyond loopback, never after
 * a redirect, within `timeoutMs`, and not more than 64 KiB of answer. `authorize` makes a credential for the text that is sent. Messages hold no word of what was sent.
 *
 * @throws ControlPlaneError for any other status
 * @throws ClientError `plaintext_refused`, `control_plane_unreachable`, `control_plane_timed_out`,
 *   `control_plane_answer_invalid`
 */
export async function postJson(
  controlPlane: string,
  path: string,
  body: unknown,
  options: PostOptions,
  authorize?: (text: string) => Promise<string>,
): Promise<unknown> {
  const url = endpoint(controlPlane, path);
  const text = JSON.stringify(body);
  const headers = {
    'content-type': 'application/json',
    ...(authorize && { authorization: `Bearer ${await authorize(text)}` }),
  };
  const { status, answer } = await call(url, { method: 'POST', headers, body: text }, options);
  if (status < 200 || status > 299) throw refusal(url, status, answer);
  if (answer === undefined) throw invalidAnswer(url, 'did not answer with JSON');
  return answer;
}

export interface Answered {
  readonly status: number;
  /** The JSON of the answer, if it was JSON. */
  readonly answer: unknown;
  /** What time it is there, in milliseconds, if it said so. */
  readonly dateMs: number | undefined;
}

/**
 * One exchange with a control plane. Never after a redirect, within `timeoutMs`, and not more than 64 KiB of answer.
 *
 * @throws ClientError `control_plane_unreachable`, `control_plane_timed_out`, `control_plane_answer_invalid`
 */
export async function call(
  url: URL,
  init: { readonly method: 'GET' | 'POST'; readonly headers?: Record<string, string>; readonly body?: string },
  options: PostOptions,
): Promise<Answered> {
  const { timeoutMs = 10_000 } = options;
  if (!(timeoutMs > 0 && timeoutMs <= 600_000)) throw new TypeError('timeoutMs must be from 1 to 600,000');
  const deadline = AbortSignal.timeout(timeoutMs);
  const exchange = async () => {
    const response = await (options.fetch ?? globalThis.fetch)(url, {
      ...init,
      headers: { accept: 'application/json, application/problem+json', ...init.headers },
      redirect: 'manual',
      signal: deadline,
    });
    const dateMs = Date.parse(response.headers.get('date') ?? '');
    return {
      status: response.status,
      answer: parseOrUndefined(await boundedText(response, url)),
      dateMs: Number.isNaN(dateMs) ? undefined : dateMs,
    };
  };
  return abortable(exchange(), deadline).catch(cause => {
    if (cause instanceof ClientError) throw cause;
    if (deadline.aborted) throw failed('control_plane_timed_out', url, `did not answer within ${timeoutMs} ms`);
    throw failed('control_plane_unreachable', url, `can't be reached (${errnoOf(cause)})`);
  });
}

export function invalidAnswer(controlPlane: string | URL, problem: string): ClientError {
  return failed('control_plane_answer_invalid', new URL(controlPlane), problem);
}

/**
 * @throws ClientError `plaintext_refused`
 * @throws TypeError for a URL with a password
 */
export function endpoint(controlPlane: string, path: string): URL {
  const base = assertConfidential(controlPlane);
  if (base.username !== '' || base.password !== '') throw new TypeError('a control plane URL must not hold a password');
  return new URL(`${base.pathname.replace(/\/+$/, '')}${path}`, base.origin);
}

async function boundedText(response: Response, url: URL): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw invalidAnswer(url, 'answered with more than 64 KiB');
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Title and detail are left out: a control plane could repeat in them what it was sent. */
export function refusal(url: URL, status: number, answer: unknown, as?: ClientErrorCode): ControlPlaneError {
  const { code, error } = (answer ?? {}) as { code?: unknown; error?: unknown };
  const problemCode = [code, error].find(word => typeof word === 'string' && /^[a-z0-9_]{1,64}$/.test(word)) as
    | string
    | undefined;
  const reason = problemCode ?? 'unknown';
  return new ControlPlaneError(status, reason, `the control plane at ${url.origin} refused: ${reason} (${status})`, as);
}

function failed(code: ClientError['code'], url: URL, problem: string): ClientError {
  return new ClientError(code, `the control plane at ${url.origin} ${problem}`);
}

/** fetch wraps what went wrong in a TypeError of its own. */
function errnoOf(error: unknown): string {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  if (typeof code === 'string') return code;
  return cause === undefined ? 'unknown error' : errnoOf(cause);
}

import { isLoopbackHost } from '@spanpass/credential';
import { z } from 'zod';
import { problemSchema } from '../wire/problem.ts';
import { ControlPlaneApiError } from './errors.ts';

/** A page of 1000 pipeds takes about 300 KiB. */
const MAX_ANSWER_BYTES = 4 << 20;

export interface TransportOptions {
  /** Where the control plane is; https beyond loopback. */
  readonly url: string;
  /** The admin token. Secret. */
  readonly token: string;
  /** Longest time for one call. Default 10,000 ms. */
  readonly timeoutMs?: number | undefined;
  /** Lets the token go over plaintext beyond loopback. Default false. */
  readonly allowPlaintext?: boolean | undefined;
  readonly fetch?: typeof fetch | undefined;
}

const optionsSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }),
  token: z.string().regex(/^[\x21-\x7e]{1,512}$/, 'must be 1 to 512 visible ASCII characters'),
  timeoutMs: z.number().int().min(1).max(600_000).default(10_000),
  allowPlaintext: z.boolean().default(false),
  fetch: z.custom<typeof fetch>(value => typeof value === 'function').default(() => globalThis.fetch),
});

export type Call = <T>(
  method: 'GET' | 'POST' | 'PATCH',
  path: string,
  answer: z.ZodType<T>,
  body?: unknown,
  how?: {
    /**
     * It makes something, once: it carries an idempotency key, and is sent once more if the connection is lost before
     * its answer is here.
     */
    readonly creates?: boolean;
  },
) => Promise<T>;

/** The connection was there, and ended before the answer was. */
const LOST = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/**
 * Makes the function that all calls go through: within `timeoutMs`, never after a redirect, with an answer of at most
 * 4 MiB that has the shape it should have.
 *
 * @throws TypeError for options that make no sense
 * @throws ControlPlaneApiError `plaintext_refused`
 */
export function createTransport(options: TransportOptions): Call {
  const parsed = optionsSchema.safeParse(options);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new TypeError(`${issue?.path.join('.') || 'options'}: ${issue?.message}`);
  }
  const settings = parsed.data;
  const base = new URL(settings.url);
  if (base.username !== '' || base.password !== '') throw new TypeError('url: must not hold a password');
  if (base.protocol === 'http:' && !settings.allowPlaintext && !isLoopbackHost(base.hostname)) {
    throw new ControlPlaneApiError(
      'plaintext_refused',
      `no token is sent to ${base.host} over plaintext, since that is not surely this machine: use https`,
    );
  }
  const prefix = base.origin + base.pathname.replace(/\/+$/, '');

  return async (method, path, answer, body, { creates = false } = {}) => {
    const signal = AbortSignal.timeout(settings.timeoutMs);
    let status: number;
    let text: string;
    const idempotencyKey = creates ? crypto.randomUUID() : undefined;
    const send = async () => {
      const response = await settings.fetch(prefix + path, {
        method,
        headers: {
          authorization: `Bearer ${settings.token}`,
          accept: 'application/json, application/problem+json',
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        redirect: 'manual',
        signal,
      });
      return { status: response.status, text: await boundedText(response, base) };
    };
    try {
      ({ status, text } = await send().catch(error => {
        if (creates && LOST.has(errnoOf(error))) return send();
        throw error;
      }));
    } catch (error) {
      throw failed(error, base, settings.timeoutMs, signal.aborted);
    }
    const json = parseOrUndefined(text);
    if (status < 200 || status > 299) throw refused(base, status, json);
    const valid = answer.safeParse(json);
    if (!valid.success) throw invalid(base, 'did not answer as a control plane does');
    return valid.data;
  };
}

export function invalid(base: URL, how: string): ControlPlaneApiError {
  return new ControlPlaneApiError(
    'control_plane_answer_invalid',
    `what listens at ${base.origin} ${how}: check the control plane's URL`,
  );
}

async function boundedText(response: Response, base: URL): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw invalid(base, 'answered with more than 4 MiB');
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

function refused(base: URL, status: number, json: unknown): ControlPlaneApiError {
  const problem = problemSchema.safeParse(json);
  if (!problem.success || !/^[a-z0-9_]{1,64}$/.test(problem.data.code)) {
    return new ControlPlaneApiError(
      'control_plane_answer_invalid',
      `what listens at ${base.origin} answered ${status}, and not as a control plane does: check the control plane's URL`,
      { status },
    );
  }
  const { code, title, detail } = problem.data;
  // Into a terminal, so nothing but text.
  const message = `${title}: ${detail}`.replace(/[^\x20-\x7e]/g, '?').slice(0, 300);
  return new ControlPlaneApiError(code, message, { status });
}

function failed(error: unknown, base: URL, timeoutMs: number, timedOut: boolean): ControlPlaneApiError {
  if (error instanceof ControlPlaneApiError) return error;
  if (timedOut) {
    const message = `the control plane at ${base.origin} did not answer within ${timeoutMs} ms: try again`;
    return new ControlPlaneApiError('control_plane_timed_out', message);
  }
  const message = `no control plane answers at ${base.origin} (${errnoOf(error)}): start one with "spanpass up" or "spanpass control-plane", or give its URL with --control-plane`;
  return new ControlPlaneApiError('control_plane_unreachable', message);
}

/** fetch wraps what went wrong in a TypeError of its own. */
function errnoOf(error: unknown): string {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  if (typeof code === 'string' && /^\w{1,40}$/.test(code)) return code;
  return cause === undefined ? 'unknown error' : errnoOf(cause);
}

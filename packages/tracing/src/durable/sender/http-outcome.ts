import { partialSuccessOf } from '../otlp/partial-success.ts';
import { lastAt, textAt } from '../otlp/wire.ts';
import { isAboutTime, type Outcome, oneLine, type Refused } from './outcome.ts';

/** https://opentelemetry.io/docs/specs/otlp/#failures-1: retryable as they are. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const REFUSALS: ReadonlyMap<number, Refused['kind']> = new Map([
  [403, 'denied'],
  [400, 'rejected'],
  [413, 'too_large'],
]);

export interface HttpAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly peerIsTrusted: boolean;
  readonly authorization: string | undefined;
}

/** @param nowMs to read a Retry-After that is a date */
export function outcomeOfHttpAnswer(answer: HttpAnswer, nowMs: number): Outcome {
  const { status, body } = answer;
  if (status >= 200 && status < 300) return { kind: 'accepted', ...partialSuccessOf(body) };
  const reason = `HTTP ${status}`;
  const text = messageIn(answer);
  const message = oneLine(text);
  if (status === 401) {
    const { authorization } = answer;
    return {
      kind: 'unauthenticated',
      reason,
      message,
      clockIsOff: isAboutTime(text, headerOf(answer, 'www-authenticate')),
      ...trustedDate(answer),
      ...(authorization !== undefined && { authorization }),
    };
  }
  if (RETRYABLE.has(status)) {
    const afterMs = retryAfterMs(headerOf(answer, 'retry-after'), nowMs);
    return { kind: 'retry', reason, message, ...(afterMs !== undefined && { afterMs }) };
  }
  return { kind: REFUSALS.get(status) ?? 'failed', reason, message };
}

/** RFC 9110 section 10.2.3: seconds, or a date. */
function retryAfterMs(value: string, nowMs: number): number | undefined {
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  const atMs = /\d.*:/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/** OTLP/HTTP answers a refusal with a google.rpc.Status in the request's encoding; proxies answer with text or JSON. */
function messageIn(answer: HttpAnswer): string {
  const type = headerOf(answer, 'content-type');
  if (/^application\/(x-)?protobuf\b/.test(type)) return statusMessageOf(answer.body);
  const text = answer.body.toString('utf8');
  if (!/^application\/json\b/.test(type)) return text;
  try {
    const message: unknown = (JSON.parse(text) as { message?: unknown } | null)?.message;
    return typeof message === 'string' ? message : text;
  } catch {
    return text;
  }
}

function statusMessageOf(body: Buffer): string {
  try {
    return lastAt(body, 2) ? textAt(body, 2) : '';
  } catch {
    return '';
  }
}

function trustedDate(answer: HttpAnswer): { trustedDateMs?: number } {
  const trustedDateMs = answer.peerIsTrusted ? Date.parse(headerOf(answer, 'date')) : Number.NaN;
  return Number.isNaN(trustedDateMs) ? {} : { trustedDateMs };
}

function headerOf({ headers }: HttpAnswer, name: string): string {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? '';
}

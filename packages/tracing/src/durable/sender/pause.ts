import type { Backoff } from './backoff.ts';
import type { Outcome } from './outcome.ts';

/** Why, and for how long, nothing of a signal is sent. */
export interface Pause {
  readonly ms: number;
  readonly reason: string;
  readonly message: string;
  /** The server asked for it: not even a flush cuts it short. */
  readonly serverAsked: boolean;
  /** In a person's words. */
  readonly because: string;
}

const BECAUSE: Readonly<Record<Exclude<Outcome['kind'], 'accepted'>, string>> = {
  retry: 'the gateway can not be reached, or can not take spans now',
  unauthenticated: 'the gateway refuses the credential, also a fresh one',
  denied: 'the gateway knows this piped but does not let it send: it may be disabled, or not have this signal',
  rejected: 'the gateway refuses a payload',
  too_large: 'the gateway finds a payload too large',
  failed: 'the gateway answers as no receiver of OTLP would: check the endpoint',
};

export interface PauseTimes {
  readonly backoff: Backoff;
  readonly slowRetryMs: number;
  readonly maxServerWaitMs: number;
}

export function pauseAfter(outcome: Exclude<Outcome, { kind: 'accepted' }>, times: PauseTimes): Pause {
  const { backoff, slowRetryMs, maxServerWaitMs } = times;
  const { kind, reason, message } = outcome;
  const common = { reason, message, because: BECAUSE[kind] };
  if (kind === 'unauthenticated' || kind === 'denied') {
    return { ...common, ms: backoff.jittered(slowRetryMs), serverAsked: false };
  }
  const backoffMs = backoff.nextMs();
  const askedMs = kind === 'retry' ? outcome.afterMs : undefined;
  if (askedMs === undefined) return { ...common, ms: backoffMs, serverAsked: false };
  return { ...common, ms: Math.min(maxServerWaitMs, Math.max(askedMs, Math.min(backoffMs, 1_000))), serverAsked: true };
}

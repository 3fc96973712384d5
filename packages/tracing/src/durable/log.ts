import { diag } from '@opentelemetry/api';
import type { Clock } from './clock.ts';

/** Where the durable export says what happens to spans. OpenTelemetry's `DiagLogger` is one. */
export interface DurableLog {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** Says nothing unless the application set a `diag` logger. */
export const diagLog: DurableLog = diag.createComponentLogger({ namespace: '@spanpass/tracing/durable' });

const QUIET_MS = 30_000;

/**
 * Says the same thing at most twice a minute: what goes wrong here goes wrong once per span, and a log that fills the
 * disk would be the next fault.
 */
export class RateLimitedLog {
  readonly #log: DurableLog;
  readonly #clock: Clock;
  readonly #topics = new Map<string, { saidAtMs: number; unsaid: number }>();

  constructor(log: DurableLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  info(message: string): void {
    this.#log.info(message);
  }

  /** `count` adds up over what was not said, and is said with the next message on this topic. */
  warn(topic: string, message: string, count = 0): void {
    this.#say('warn', topic, message, count);
  }

  error(topic: string, message: string, count = 0): void {
    this.#say('error', topic, message, count);
  }

  #say(level: 'warn' | 'error', topic: string, message: string, count: number): void {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#topics.get(topic);
    if (known && nowMs - known.saidAtMs < QUIET_MS) {
      known.unsaid += count;
      return;
    }
    const total = count + (known?.unsaid ?? 0);
    this.#topics.set(topic, { saidAtMs: nowMs, unsaid: 0 });
    this.#log[level](total > 0 ? `${message} (${total})` : message);
  }
}

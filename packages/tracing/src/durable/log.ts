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

type Level = 'warn' | 'error';

interface Topic {
  saidAtMs: number;
  /** How much came up since, and has not been said. */
  unsaid: number;
  last: { readonly level: Level; readonly message: string };
}

/**
 * Says the same thing at most twice a minute: what goes wrong here goes wrong once per span, and a log that fills the
 * disk would be the next fault. Counts add up meanwhile, and none is left out.
 */
export class RateLimitedLog {
  readonly #log: DurableLog;
  readonly #clock: Clock;
  readonly #topics = new Map<string, Topic>();

  constructor(log: DurableLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  warn(topic: string, message: string, count = 0): void {
    this.#come('warn', topic, message, count);
  }

  error(topic: string, message: string, count = 0): void {
    this.#come('error', topic, message, count);
  }

  /** Says the counts that are left; to be called now and then, and with `all` at the end. */
  sayLeft({ all = false } = {}): void {
    for (const topic of this.#topics.values()) {
      if (topic.unsaid > 0 && (all || this.#mayBeSaid(topic))) this.#say(topic);
    }
  }

  #come(level: Level, name: string, message: string, count: number): void {
    const last = { level, message };
    const known = this.#topics.get(name);
    const topic = known ?? { saidAtMs: Number.NEGATIVE_INFINITY, unsaid: 0, last };
    topic.last = last;
    topic.unsaid += count;
    this.#topics.set(name, topic);
    if (this.#mayBeSaid(topic)) this.#say(topic);
  }

  #mayBeSaid({ saidAtMs }: Topic): boolean {
    return this.#clock.monotonicMs() - saidAtMs >= QUIET_MS;
  }

  #say(topic: Topic): void {
    const { level, message } = topic.last;
    this.#log[level](topic.unsaid > 0 ? `${message} (${topic.unsaid})` : message);
    topic.saidAtMs = this.#clock.monotonicMs();
    topic.unsaid = 0;
  }
}

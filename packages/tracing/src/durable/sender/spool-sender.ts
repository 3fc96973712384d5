import { wholeNumber } from '../check.ts';
import { RateLimitedLog } from '../log.ts';
import { SIGNAL_KINDS, type SignalKind } from '../signals.ts';
import { LaneSender } from './lane-sender.ts';
import { type CheckedSenderOptions, checkSenderOptions, type SpoolSenderOptions } from './sender-options.ts';
import type { LaneState, SenderStats } from './sender-stats.ts';
import { Undertaker } from './undertaker.ts';

/**
 * Sends what is in a spool to a receiver of OTLP, at least once: a record leaves the spool when the receiver has taken
 * it, or has refused it for good and it is a dead letter. Signals go side by side, each in its order.
 *
 * Retried: what OTLP calls retryable, with exponential back-off and jitter, or when the server says (RetryInfo,
 * Retry-After). A refused credential is dropped, and the request repeated once at once; after that, and for a piped that
 * is not allowed, it is tried slowly, for both can be mended without a restart. A payload that is refused is halved
 * until the bad records stand alone.
 */
export class SpoolSender implements AsyncDisposable {
  readonly #options: CheckedSenderOptions;
  readonly #log: RateLimitedLog;
  readonly #undertaker: Undertaker;
  readonly #lanes: ReadonlyMap<SignalKind, LaneSender>;
  readonly #unsubscribe: () => void;

  /**
   * Starts to send.
   *
   * @throws TypeError
   */
  constructor(options: SpoolSenderOptions) {
    this.#options = checkSenderOptions(options);
    const { spool, maxDeadLetterBytes, clock } = this.#options;
    this.#log = new RateLimitedLog(this.#options.log, clock);
    const log = this.#log;
    this.#undertaker = new Undertaker(spool, maxDeadLetterBytes, clock, log);
    const laneOf = (kind: SignalKind) => new LaneSender(kind, this.#options, this.#undertaker, log);
    this.#lanes = new Map(SIGNAL_KINDS.map(kind => [kind, laneOf(kind)]));
    this.#unsubscribe = spool.onPending(kind => this.#lanes.get(kind)?.onPending());
  }

  /**
   * Sends what is pending now, as far as that works within the time; the rest stays in the spool. Cuts the sender's own
   * back-off short, but not a wait that the server asked for. Never rejects.
   */
  async flush({ timeoutMs = 30_000 } = {}): Promise<void> {
    wholeNumber('timeoutMs', timeoutMs, 0, 2 ** 31 - 1);
    const untilMs = this.#options.clock.monotonicMs() + timeoutMs;
    await Promise.all([...this.#lanes.values()].map(lane => lane.flush(untilMs)));
  }

  /** Stops sending at once, and closes the transport. What is not acknowledged stays in the spool. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    await Promise.all([...this.#lanes.values()].map(lane => lane.stop()));
    this.#options.transport.close();
    this.#log.sayLeft({ all: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  state(kind: SignalKind): LaneState {
    return this.#lanes.get(kind)?.state ?? { kind: 'stopped' };
  }

  stats(): SenderStats {
    const lanes = [...this.#lanes.values()];
    const sum = (of: (lane: LaneSender) => number) => lanes.reduce((total, lane) => total + of(lane), 0);
    return {
      sent: {
        records: sum(lane => lane.sent.records),
        items: sum(lane => lane.sent.items),
        bytes: sum(lane => lane.sent.bytes),
      },
      requests: sum(lane => lane.requests),
      failures: sum(lane => lane.failures),
      rejectedByReceiver: sum(lane => lane.rejectedByReceiver),
      deadLetters: this.#undertaker.buriedItems,
    };
  }
}

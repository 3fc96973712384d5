import type { RateLimitedLog } from '../log.ts';
import { SIGNALS, type SignalKind } from '../signals.ts';
import type { Batch } from '../spool/batch.ts';
import { Attempt } from './attempt.ts';
import { Backoff } from './backoff.ts';
import { Bell } from './bell.ts';
import { Delivery } from './delivery.ts';
import type { Accepted } from './outcome.ts';
import { type Pause, pauseAfter } from './pause.ts';
import type { CheckedSenderOptions } from './sender-options.ts';
import type { LaneState } from './sender-stats.ts';
import type { Undertaker } from './undertaker.ts';

const MIN_BATCH_BYTES = 64 * 1024;

/** Sends one signal's records, one request at a time, in their order, until it is stopped. */
export class LaneSender {
  readonly kind: SignalKind;
  readonly sent = { records: 0, items: 0, bytes: 0 };
  readonly #options: CheckedSenderOptions;
  readonly #log: RateLimitedLog;
  readonly #attempt: Attempt;
  readonly #delivery: Delivery;
  readonly #backoff: Backoff;
  readonly #work: Bell;
  readonly #progress: Bell;
  readonly #running: Promise<void>;
  #state: LaneState = { kind: 'idle' };
  #request = new AbortController();
  #maxBytes: number;
  #arrivals = 0;
  #settled = 0;
  #flushes = 0;
  #pausedUntilMs = 0;
  #pauseEndsBy: 'time' | 'anything' = 'anything';
  #stopped = false;
  failures = 0;
  rejectedByReceiver = 0;

  constructor(kind: SignalKind, options: CheckedSenderOptions, undertaker: Undertaker, log: RateLimitedLog) {
    const { clock, transport, credentials, initialBackoffMs, maxBackoffMs, random } = options;
    this.kind = kind;
    this.#options = options;
    this.#log = log;
    this.#attempt = new Attempt(transport, credentials, clock, log);
    this.#delivery = new Delivery(this.#attempt, undertaker, {
      onAccepted: (batch, count, answer) => this.#onAccepted(batch, count, answer),
      onTooLarge: bytes => {
        this.#maxBytes = Math.max(MIN_BATCH_BYTES, Math.floor(bytes / 2));
      },
    });
    this.#backoff = new Backoff(initialBackoffMs, maxBackoffMs, random);
    this.#work = new Bell(clock);
    this.#progress = new Bell(clock);
    this.#maxBytes = options.maxBatchBytes;
    this.#running = this.#run();
  }

  get state(): LaneState {
    return this.#state;
  }

  get requests(): number {
    return this.#attempt.requests;
  }

  /** Called on each append: rings once for the first record, and once for a full batch. */
  onPending(): void {
    this.#arrivals++;
    if (this.#state.kind === 'waiting') return;
    if (this.#arrivals === 1 || this.#arrivals === this.#options.maxBatchRecords) this.#work.ring();
  }

  /** Sends what is pending now, without waiting for more; resolves when it is sent, or can't be before `untilMs`. */
  async flush(untilMs: number): Promise<void> {
    const { clock, spool } = this.#options;
    const target = this.#settled + spool.pending(this.kind).records;
    this.#flushes++;
    if (this.#pauseEndsBy === 'anything') this.#pausedUntilMs = 0;
    this.#work.ring();
    try {
      while (!this.#stopped && this.#settled < target && spool.pending(this.kind).records > 0) {
        const leftMs = untilMs - clock.monotonicMs();
        if (leftMs <= 0 || this.#pausedUntilMs > untilMs) return;
        await this.#progress.wait(leftMs);
      }
    } finally {
      this.#flushes--;
      this.#progress.ring();
    }
  }

  /** Ends a request that is under way: its records stay in the spool. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#request.abort();
    this.#work.ring();
    this.#progress.ring();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#untilWorthSending();
        if (!this.#stopped) await this.#sendBatch();
      } catch (error) {
        this.#log.error('sender', `sending failed: ${error instanceof Error ? error.message : String(error)}`);
        await this.#wait({ ...UNEXPECTED, ms: this.#backoff.nextMs() });
      }
    }
    this.#state = { kind: 'stopped' };
  }

  async #untilWorthSending(): Promise<void> {
    const { spool, lingerMs, maxBatchRecords } = this.#options;
    for (let lingered = false; !this.#stopped; ) {
      this.#arrivals = 0;
      const { records, bytes } = spool.pending(this.kind);
      const full = records >= maxBatchRecords || bytes >= this.#maxBytes;
      if (records > 0 && (full || lingered || lingerMs === 0 || this.#flushes > 0)) return;
      this.#state = { kind: 'idle' };
      if (records === 0) await this.#work.wait();
      else {
        this.#arrivals = records;
        lingered = !(await this.#work.wait(lingerMs));
      }
    }
  }

  async #sendBatch(): Promise<void> {
    const { spool, maxBatchRecords } = this.#options;
    this.#state = { kind: 'sending' };
    this.#request = new AbortController();
    let pause: Pause | undefined;
    {
      await using batch = await spool.take(this.kind, { maxRecords: maxBatchRecords, maxBytes: this.#maxBytes });
      if (!batch) return;
      const before = batch.records.length;
      const unsettled = await this.#delivery.deliver(batch, this.#request.signal);
      this.#settled += before - batch.records.length;
      if (unsettled) {
        this.failures++;
        pause = pauseAfter(unsettled, { ...this.#options, backoff: this.#backoff });
      } else this.#backoff.reset();
    }
    this.#progress.ring();
    if (pause && !this.#stopped) await this.#wait(pause);
  }

  /** The batch is given back meanwhile, so the spool's bounds hold during an outage, too. */
  async #wait(pause: Pause): Promise<void> {
    const { clock, spool } = this.#options;
    const { ms, reason, message, because, serverAsked } = pause;
    const held = `${spool.pending(this.kind).items} ${SIGNALS[this.kind].items} stay in the spool`;
    const seconds = Math.ceil(ms / 1000);
    const topic = `pause ${this.kind} ${because}`;
    const said = message ? `${reason}: ${message}` : reason;
    this.#log.warn(topic, `${because} (${said}); ${held}, next try in ${seconds} s`);
    this.#state = { kind: 'waiting', reason, message };
    this.#pausedUntilMs = clock.monotonicMs() + ms;
    this.#pauseEndsBy = serverAsked ? 'time' : 'anything';
    this.#progress.ring();
    for (let leftMs = ms; leftMs > 0 && !this.#stopped; leftMs = this.#pausedUntilMs - clock.monotonicMs()) {
      await this.#work.wait(leftMs);
    }
    this.#pausedUntilMs = 0;
    this.#pauseEndsBy = 'anything';
  }

  #onAccepted(batch: Batch, count: number, { rejectedItems, message }: Accepted): void {
    for (const { items, payload } of batch.records.slice(0, count)) {
      this.sent.records++;
      this.sent.items += items;
      this.sent.bytes += payload.length;
    }
    this.rejectedByReceiver += rejectedItems;
    if (rejectedItems > 0) this.#log.error('partial', `the receiver threw items away, ${message}`, rejectedItems);
    else if (message) this.#log.warn('partial', `the receiver took all, but says: ${message}`);
  }
}

const UNEXPECTED = {
  reason: 'unexpected',
  message: '',
  because: 'sending failed unexpectedly',
  serverAsked: false,
} as const;

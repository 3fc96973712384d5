import type { Batch } from '../spool/batch.ts';
import type { Attempt } from './attempt.ts';
import type { Accepted, Outcome, Refused } from './outcome.ts';
import type { Undertaker } from './undertaker.ts';

/** After so many times in a row, a receiver that fails is asked in parts: it may be one record that it fails on. */
const FAILURES_UNTIL_SEARCH = 5;
/** How many records behind a suspect are tried, to learn whether it is the record or the receiver that is at fault. */
const MAX_WITNESSES = 8;

type Unsettled = Exclude<Outcome, Accepted>;

export interface DeliveryHooks {
  onAccepted(batch: Batch, count: number, answer: Accepted): void;
  /** The receiver takes no requests of so many payload bytes. */
  onTooLarge(bytes: number): void;
}

/**
 * Brings a batch to the receiver: acknowledges what arrived, buries what the receiver refuses for good, and says why it
 * had to stop, if it had to. A refused batch is halved until the records at fault stand alone, so that no other suffers.
 */
export class Delivery {
  readonly #attempt: Attempt;
  readonly #undertaker: Undertaker;
  readonly #hooks: DeliveryHooks;
  #failures = 0;

  constructor(attempt: Attempt, undertaker: Undertaker, hooks: DeliveryHooks) {
    this.#attempt = attempt;
    this.#undertaker = undertaker;
    this.#hooks = hooks;
  }

  /** Undefined if all of the batch is settled. */
  async deliver(batch: Batch, signal: AbortSignal): Promise<Unsettled | undefined> {
    const outcome = await (batch.whole
      ? this.#oneByOne(batch, signal)
      : this.#first(batch, batch.records.length, signal));
    if (outcome?.kind !== 'failed') {
      this.#failures = 0;
      return outcome;
    }
    if (++this.#failures % FAILURES_UNTIL_SEARCH !== 0) return outcome;
    const seen = { served: false };
    return batch.whole
      ? this.#callWitnesses(batch, outcome, seen, signal)
      : this.#search(batch, 0, outcome, seen, signal);
  }

  async #oneByOne(batch: Batch, signal: AbortSignal): Promise<Unsettled | undefined> {
    while (batch.records.length > 0) {
      const outcome = await this.#first(batch, 1, signal);
      if (outcome) return outcome;
      this.#failures = 0;
    }
    return undefined;
  }

  /** The first `count` records of the batch. */
  async #first(batch: Batch, count: number, signal: AbortSignal): Promise<Unsettled | undefined> {
    const records = batch.records.slice(0, count);
    const outcome = await this.#attempt.send(batch.kind, records, signal);
    if (signal.aborted && outcome.kind !== 'accepted') return outcome;
    switch (outcome.kind) {
      case 'accepted':
        this.#hooks.onAccepted(batch, count, outcome);
        batch.acknowledge(count);
        return undefined;
      case 'too_large':
        if (count > 1) this.#hooks.onTooLarge(records.reduce((sum, { payload }) => sum + payload.length, 0));
        return this.#refused(batch, count, outcome, signal);
      case 'rejected':
        return this.#refused(batch, count, outcome, signal);
      default:
        return outcome;
    }
  }

  async #refused(batch: Batch, count: number, refusal: Refused, signal: AbortSignal): Promise<Unsettled | undefined> {
    if (count === 1) return this.#bury(batch, 1, refusal);
    const half = Math.ceil(count / 2);
    return (await this.#first(batch, half, signal)) ?? this.#first(batch, count - half, signal);
  }

  /**
   * Looks for the record that the receiver fails on, among those before the last `behind`, which it failed on together. A
   * record is given up only if the receiver served another one meanwhile; else it is the receiver that is broken.
   */
  async #search(
    batch: Batch,
    behind: number,
    failure: Refused,
    seen: { served: boolean },
    signal: AbortSignal,
  ): Promise<Unsettled | undefined> {
    const count = batch.records.length - behind;
    if (count === 1) {
      return seen.served ? this.#bury(batch, 1, failure) : this.#callWitnesses(batch, failure, seen, signal);
    }
    for (const behindPart of [behind + Math.floor(count / 2), behind]) {
      const part = batch.records.length - behindPart;
      if (part <= 0) continue;
      const outcome = await this.#first(batch, part, signal);
      if (outcome === undefined) seen.served = true;
      else if (outcome.kind !== 'failed') return outcome;
      else {
        const unsettled = await this.#search(batch, behindPart, outcome, seen, signal);
        if (unsettled) return unsettled;
      }
    }
    return undefined;
  }

  /** A record that failed alone may show a broken receiver as well: those behind it tell. */
  async #callWitnesses(
    batch: Batch,
    failure: Refused,
    seen: { served: boolean },
    signal: AbortSignal,
  ): Promise<Unsettled | undefined> {
    for (let at = 1; at < Math.min(batch.records.length, MAX_WITNESSES + 1); at++) {
      const outcome = await this.#attempt.send(batch.kind, batch.records.slice(at, at + 1), signal);
      if (outcome.kind === 'failed') continue;
      if (outcome.kind !== 'accepted') return outcome;
      seen.served = true;
      // All before the witness failed alone.
      const unsettled = await this.#bury(batch, at, failure);
      if (unsettled) return unsettled;
      this.#hooks.onAccepted(batch, 1, outcome);
      batch.acknowledge(1);
      return undefined;
    }
    return failure;
  }

  async #bury(batch: Batch, count: number, refusal: Refused): Promise<Unsettled | undefined> {
    for (let left = count; left > 0; left--) {
      const [record] = batch.records;
      if (!record) break;
      if (!(await this.#undertaker.bury(batch, record, refusal))) {
        return { kind: 'failed', reason: refusal.reason, message: 'refused, and its dead letter can not be written' };
      }
      batch.acknowledge(1);
    }
    return undefined;
  }
}

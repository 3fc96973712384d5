import type { Clock } from '../clock.ts';
import { DeadLetters } from '../dead-letters/dead-letters.ts';
import type { RateLimitedLog } from '../log.ts';
import type { Batch, BatchRecord } from '../spool/batch.ts';
import { errorCodeOf } from '../spool/files.ts';
import type { Spool } from '../spool/spool.ts';
import type { Refused } from './outcome.ts';

/** Puts what the receiver refuses for good among the dead letters, and keeps those to their size. */
export class Undertaker {
  readonly #spool: Spool;
  readonly #letters: DeadLetters;
  readonly #maxBytes: number;
  readonly #clock: Clock;
  readonly #log: RateLimitedLog;
  buriedItems = 0;

  constructor(spool: Spool, maxBytes: number, clock: Clock, log: RateLimitedLog) {
    this.#spool = spool;
    this.#letters = new DeadLetters(spool.folder);
    this.#maxBytes = maxBytes;
    this.#clock = clock;
    this.#log = log;
  }

  /** Whether it is on the disk, so that the spool may forget it. */
  async bury(
    { kind, whole }: Pick<Batch, 'kind' | 'whole'>,
    { id, items, payload, appendedAtMs }: BatchRecord,
    refusal: Refused,
  ): Promise<boolean> {
    const { reason, message } = refusal;
    const refusedAtMs = this.#clock.now();
    try {
      const facts = { id, kind, items, bytes: payload.length, appendedAtMs, refusedAtMs, reason, message };
      const letter = whole ? { ...facts, whole } : facts;
      await this.#letters.add(letter, payload);
      for (const gone of await this.#letters.trim(this.#maxBytes)) {
        this.#spool.countDrop('dead_letter_bytes', gone.kind, gone.items);
      }
    } catch (error) {
      this.#log.error('bury', `a dead letter can not be written: ${errorCodeOf(error)}`);
      return false;
    }
    this.buriedItems += items;
    this.#log.error(
      'buried',
      `the gateway refused items for good, ${reason} ${message}: they are dead letters now`,
      items,
    );
    return true;
  }
}

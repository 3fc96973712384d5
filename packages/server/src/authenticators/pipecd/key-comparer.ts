import { compare as bcryptCompare } from '@node-rs/bcrypt';
import { WorkQueue } from '../../keys/work-queue.ts';
import { wholeNumber } from '../../options.ts';
import { AuthenticationError } from '../../refusals.ts';
import { MAX_KEYS, PIPECD_COST } from './record.ts';

/** Compares a key with a bcrypt hash, off the event loop. */
export type Compare = (key: string, hash: string) => Promise<boolean>;

export interface KeyComparerOptions {
  /** Keys that may be compared at the same time. */
  readonly maxRunning: number;
  /** Keys that may wait for it. */
  readonly maxWaiting: number;
  readonly compare?: Compare;
}

/** Finds the hash that a key belongs to, in a bounded queue: each comparison takes a thread about 50 ms. */
export class KeyComparer {
  readonly #queue: WorkQueue;
  readonly #compare: Compare;

  constructor({ maxRunning, maxWaiting, compare = bcryptCompare }: KeyComparerOptions) {
    this.#queue = new WorkQueue(wholeNumber('maxRunning', maxRunning), wholeNumber('maxWaiting', maxWaiting, 0));
    this.#compare = compare;
  }

  get depth(): { readonly running: number; readonly waiting: number } {
    return { running: this.#queue.running, waiting: this.#queue.waiting };
  }

  /**
   * The first of the hashes that the key belongs to. Where there is none, as many comparisons were made as a piped may
   * have keys, whether it has two, one, or does not exist: time tells nobody which.
   *
   * @throws AuthenticationError `overloaded`
   */
  async match(key: string, hashes: readonly string[]): Promise<string | undefined> {
    if (this.#queue.isFull) throw new AuthenticationError('overloaded');
    return this.#queue.run(async () => {
      for (const hash of hashes) if (await this.#compare(key, hash)) return hash;
      for (let made = hashes.length; made < MAX_KEYS; made++) await this.#compare(key, decoy(hashes[0]));
      return undefined;
    });
  }
}

/** A hash that nobody knows a key to, of the same cost as the given one. */
function decoy(hash: string | undefined): string {
  const cost = hash?.slice(4, 6) ?? String(PIPECD_COST);
  return `$2a$${cost}$${'spanpassDecoyHash'.padEnd(21, '.')}.${'.'.repeat(31)}`;
}

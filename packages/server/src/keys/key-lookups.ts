import type { KeyRecord } from '@spanpass/credential';
import { untilAborted } from '../check-deadline.ts';
import type { LookupResult } from '../observer.ts';
import { AuthenticationError } from '../refusals.ts';
import type { ChangeFeed } from './change-feed.ts';
import { applyChange, type Change, concerns } from './changes.ts';
import type { FetchKey, KeyAnswer } from './fetch-key.ts';
import type { KeyCache } from './key-cache.ts';
import type { KeyQuestion } from './key-source.ts';
import type { TokenBuckets } from './token-buckets.ts';
import type { WorkQueue } from './work-queue.ts';

export interface KeyLookupsOptions {
  readonly fetchKey: FetchKey;
  readonly feed: Pick<ChangeFeed, 'revision' | 'generation' | 'freshness'>;
  readonly cache: KeyCache;
  readonly queue: WorkQueue;
  readonly buckets: TokenBuckets;
  onLookup(result: LookupResult): void;
  onFailure(error: unknown): void;
}

/** What happened while an answer was on its way. */
interface Flight {
  readonly generation: number;
  /** The feed's position when it was asked: an answer from before that was read from a copy that lags behind. */
  readonly revision: number | undefined;
  readonly changes: Change[];
}

/** Answers that came too late for what changed meanwhile, until the lookup is given up. */
const MAX_ATTEMPTS = 3;
const MAX_CHANGES_IN_FLIGHT = 256;

/**
 * Asks the control plane for keys: once at a time for each, a bounded number at a time for all, and at a bounded rate
 * for addresses that ask for keys that do not exist or can't be had. Changes that arrive while an answer is on its way
 * are kept, and the higher revision wins.
 */
export class KeyLookups {
  readonly #options: KeyLookupsOptions;
  readonly #underWay = new Map<string, Promise<KeyRecord | undefined>>();
  readonly #flights = new Map<string, Flight>();

  constructor(options: KeyLookupsOptions) {
    this.#options = options;
  }

  /** @throws AuthenticationError `throttled`, `overloaded`, `key_source_unavailable` (or rejects with it) */
  get(kid: string, { signal, peerAddress }: KeyQuestion): Promise<KeyRecord | undefined> {
    let lookup = this.#underWay.get(kid);
    if (lookup === undefined) {
      this.#admit(peerAddress);
      lookup = this.#options.queue.run(() => this.#lookUp(kid, peerAddress));
      this.#underWay.set(kid, lookup);
      lookup.catch(() => {}).finally(() => this.#underWay.delete(kid));
    }
    return untilAborted(lookup, signal);
  }

  apply(change: Change): void {
    for (const [kid, { changes }] of this.#flights) {
      if (change.kind === 'key' && change.record.kid !== kid) continue;
      if (changes.length <= MAX_CHANGES_IN_FLIGHT) changes.push(change);
    }
  }

  #admit(peerAddress: string): void {
    const { queue, buckets, onLookup } = this.#options;
    if (queue.isFull) {
      onLookup('overloaded');
      throw new AuthenticationError('overloaded');
    }
    if (!buckets.has(peerAddress)) {
      onLookup('throttled');
      throw new AuthenticationError('throttled');
    }
  }

  async #lookUp(kid: string, peerAddress: string): Promise<KeyRecord | undefined> {
    const { buckets, onLookup, onFailure } = this.#options;
    // Not while it waits for its turn: those who wait may be a whole site that has just been started.
    if (!buckets.take(peerAddress)) {
      onLookup('throttled');
      throw new AuthenticationError('throttled');
    }
    try {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        const settled = await this.#attempt(kid);
        if (settled === 'outdated') continue;
        // Only made-up kids cost: a site full of pipeds behind one address may start all at once.
        if (settled !== undefined) buckets.giveBack(peerAddress);
        onLookup(settled === undefined ? 'unknown' : 'found');
        return settled;
      }
      throw new Error('each answer was outdated when it arrived');
    } catch (error) {
      // The token stays away: a control plane that is in trouble is not asked about made-up kids any faster.
      onLookup('failed');
      onFailure(error);
      throw new AuthenticationError('key_source_unavailable', { cause: error });
    }
  }

  async #attempt(kid: string): Promise<KeyRecord | undefined | 'outdated'> {
    const { feed, cache, fetchKey } = this.#options;
    const flight = { generation: feed.generation, revision: feed.revision, changes: [] };
    this.#flights.set(kid, flight);
    try {
      const answer = await fetchKey(kid);
      const freshness = feed.freshness();
      const settled = reconcile(answer, flight, feed);
      if (settled === 'outdated') return settled;
      // Without a live feed nobody would say when it changes: then it is good for the checks that wait for it, and no more.
      if (freshness === 'live') cache.put(kid, settled);
      return settled;
    } finally {
      this.#flights.delete(kid);
    }
  }
}

/** What holds after an answer and the changes that arrived while it was on its way. */
function reconcile(
  answer: KeyAnswer,
  flight: Flight,
  feed: KeyLookupsOptions['feed'],
): KeyRecord | undefined | 'outdated' {
  if (flight.generation !== feed.generation || flight.changes.length > MAX_CHANGES_IN_FLIGHT) return 'outdated';
  if (answer.revision < (flight.revision ?? feed.revision ?? 0)) return 'outdated';
  let { record } = answer;
  for (const change of flight.changes) {
    if (change.revision <= answer.revision) continue;
    if (record === undefined) {
      if (change.kind === 'key') return 'outdated';
    } else if (concerns(change, record)) {
      record = applyChange(record, change);
      if (record === undefined) return 'outdated';
    }
  }
  return record;
}

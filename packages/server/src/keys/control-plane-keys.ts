import { type KeyRecord, MAX_SNAPSHOT_RECORDS, type SnapshotKeys } from '@spanpass/credential';
import { untilAborted } from '../check-deadline.ts';
import type { Observer } from '../observer.ts';
import { wholeNumber } from '../options.ts';
import { AuthenticationError } from '../refusals.ts';
import { type AuditHeadEvent, AuditHeadKeeper } from './audit-heads.ts';
import { ChangeFeed, type Freshness } from './change-feed.ts';
import { type Change, takesAccess } from './changes.ts';
import { compactRecord } from './compact-record.ts';
import { createEndpoint, type EndpointOptions } from './endpoint.ts';
import { connectFeedOf, type FeedProblem } from './feed-connection.ts';
import { fetchKeyFrom } from './fetch-key.ts';
import { KeyCache } from './key-cache.ts';
import { KeyLookups } from './key-lookups.ts';
import type { KeyQuestion, KeySource } from './key-source.ts';
import { fetchSnapshotFrom } from './snapshot/fetch-snapshot.ts';
import type { SnapshotEvent } from './snapshot/snapshot-event.ts';
import { SnapshotFiles } from './snapshot/snapshot-files.ts';
import { SnapshotKeeper } from './snapshot/snapshot-keeper.ts';
import { createSteadyClock } from './steady-clock.ts';
import { TokenBuckets } from './token-buckets.ts';
import { WorkQueue } from './work-queue.ts';

export interface ControlPlaneKeysOptions extends EndpointOptions {
  /** Key records to keep. Default 10,000. */
  readonly maxRecords?: number;
  /** Kids to remember that no key has. Default 10,000. */
  readonly maxUnknown?: number;
  /** How long to remember them, in milliseconds. Default 60,000; a change of the key ends it at once. */
  readonly unknownTtlMs?: number;
  /** How long a lookup may take, in milliseconds. Default 2000. */
  readonly lookupTimeoutMs?: number;
  /** Lookups at the same time. Default 64. */
  readonly maxLookups?: number;
  /**
   * Lookups that may wait for a turn. Default 8192, for as many checks as an Envoy with the generated configuration asks
   * about at once; a further one is refused as `overloaded`.
   */
  readonly maxQueuedLookups?: number;
  /** Lookups of kids that no key has, each second and saved up, by peer address. Default 20 and 200; then `throttled`. */
  readonly unknownPerSecond?: number;
  readonly unknownBurst?: number;
  /** Silence after which the change feed counts as lost, in milliseconds. Default 3000. */
  readonly lostAfterMs?: number;
  /** How long records still serve after the feed was lost, in milliseconds. Default 900,000 (15 min). */
  readonly maxStaleMs?: number;
  /**
   * Where to keep a snapshot of the records at hand, for a start without the control plane; `<file>.floor` lies beside
   * it. One server's own. Default none: such a start then knows nothing.
   */
  readonly snapshotFile?: string;
  /** The keys with which the control plane signs snapshots (`parseSnapshotKeys`). Required with `snapshotFile`. */
  readonly snapshotKeys?: SnapshotKeys;
  /** How often the snapshot is renewed, in milliseconds. Default 60,000. */
  readonly snapshotEveryMs?: number;
  /**
   * Where to keep the signed heads of the control plane's audit, for `spanpass audit verify --head`. One server's own.
   * Default none.
   */
  readonly auditHeadFile?: string;
  /** Clocks in milliseconds, and a number from 0 to 1. Defaults `performance.now`, `Date.now`, `Math.random`. */
  readonly monotonicNow?: () => number;
  readonly now?: () => number;
  readonly random?: () => number;
  readonly observer?: Observer;
  /** Told when it changes how far the records at hand may be believed. */
  readonly onFreshness?: (freshness: Freshness) => void;
  /** Told of each connection to the feed that ended, and why. */
  readonly onFeedProblem?: (problem: FeedProblem) => void;
  /** Told of each lookup that failed. For the log: nothing that the control plane wrote is in it. */
  readonly onLookupFailure?: (error: unknown) => void;
  /** Told what became of each snapshot, and of each that was refused, why. */
  readonly onSnapshot?: (event: SnapshotEvent) => void;
  /** Told what became of each audit head. */
  readonly onAuditHead?: (event: AuditHeadEvent) => void;
}

const TICK_MS = 100;
const STALL_MS = 1000;
const MAX_ANSWER_BYTES = 16_384;

/**
 * Key records from the control plane: looked up on demand, kept, and kept true by its change feed.
 *
 * A record at hand is believed while the feed is live, and for `maxStaleMs` after it was lost. While the feed was never
 * live, and for keys not at hand while it is lost, an answer of the control plane counts for the checks that wait for it
 * and is not kept. After `maxStaleMs` of silence nothing is believed: `key_source_unavailable`. When this process stood
 * still for more than a second, checks wait until what happened meanwhile was fetched, or can't be.
 */
export class ControlPlaneKeys implements KeySource {
  readonly #endpoint: ReturnType<typeof createEndpoint>;
  readonly #feed: ChangeFeed;
  readonly #cache: KeyCache;
  readonly #lookups: KeyLookups;
  readonly #queue: WorkQueue;
  readonly #snapshots: SnapshotKeeper | undefined;
  readonly #auditHeads: AuditHeadKeeper | undefined;
  readonly #now: () => number;
  readonly #followers: { onChange(change: Change): void; onReset(): void }[] = [];
  #timer: NodeJS.Timeout | undefined;

  /**
   * @throws TypeError for options that can't be meant: plaintext beyond loopback, bounds that bound nothing, a snapshot
   *   that nobody signs for
   */
  constructor(options: ControlPlaneKeysOptions) {
    const clock = createSteadyClock(options.monotonicNow, options.now);
    this.#now = options.now ?? Date.now;
    this.#endpoint = createEndpoint(options);
    this.#cache = new KeyCache({
      maxRecords: wholeNumber('maxRecords', options.maxRecords ?? 10_000),
      maxUnknown: wholeNumber('maxUnknown', options.maxUnknown ?? 10_000),
      unknownTtlMs: wholeNumber('unknownTtlMs', options.unknownTtlMs ?? 60_000, 0),
      clock,
    });
    const maxStaleMs = wholeNumber('maxStaleMs', options.maxStaleMs ?? 900_000, 0);
    this.#snapshots = this.#createSnapshots(options, clock, maxStaleMs);
    const { auditHeadFile, onAuditHead } = options;
    if (auditHeadFile !== undefined)
      this.#auditHeads = new AuditHeadKeeper(auditHeadFile, event => onAuditHead?.(event));
    this.#feed = new ChangeFeed({
      connect: connectFeedOf(this.#endpoint),
      clock,
      random: options.random ?? Math.random,
      lostAfterMs: wholeNumber('lostAfterMs', options.lostAfterMs ?? 3000),
      stallAfterMs: STALL_MS,
      maxStaleMs,
      onChange: change => {
        this.#cache.apply(change);
        this.#lookups.apply(change);
        this.#snapshots?.applied(change);
        for (const follower of this.#followers) follower.onChange(change);
        if (change.at === undefined || !takesAccess(change)) return;
        options.observer?.revocationApplied?.(Math.max(0, this.#now() - change.at) / 1000);
      },
      onReset: () => {
        this.#cache.clear();
        this.#snapshots?.reset();
        for (const follower of this.#followers) follower.onReset();
      },
      onAuditHead: jws => this.#auditHeads?.take(jws),
      onFreshness: freshness => options.onFreshness?.(freshness),
      onProblem: problem => options.onFeedProblem?.(problem),
    });
    this.#queue = new WorkQueue(
      wholeNumber('maxLookups', options.maxLookups ?? 64),
      wholeNumber('maxQueuedLookups', options.maxQueuedLookups ?? 8192, 0),
    );
    const fetchKey = fetchKeyFrom(this.#endpoint, {
      timeoutMs: wholeNumber('lookupTimeoutMs', options.lookupTimeoutMs ?? 2000),
      maxAnswerBytes: MAX_ANSWER_BYTES,
    });
    this.#lookups = new KeyLookups({
      fetchKey: async kid => {
        const answer = await fetchKey(kid);
        this.#snapshots?.looked(kid, answer);
        return answer.record === undefined ? answer : { ...answer, record: compactRecord(answer.record) };
      },
      feed: this.#feed,
      cache: this.#cache,
      queue: this.#queue,
      buckets: new TokenBuckets({
        perSecond: wholeNumber('unknownPerSecond', options.unknownPerSecond ?? 20),
        burst: wholeNumber('unknownBurst', options.unknownBurst ?? 200),
        maxAddresses: 10_000,
        clock,
      }),
      onLookup: result => options.observer?.keyLookup?.(result),
      onFailure: error => options.onLookupFailure?.(error),
    });
  }

  /**
   * Begins to follow the change feed: from a snapshot where there is one that may be believed, else from now on. Until
   * the feed is live, or can't be had and the snapshot counts, each check asks the control plane.
   */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
    if (this.#snapshots === undefined) this.#feed.start();
    else void this.#startFromSnapshot(this.#snapshots);
  }

  /** Tells of every change, and of each time when anything may have changed, after this has taken it in. */
  follow(follower: { onChange(change: Change): void; onReset(): void }): void {
    this.#followers.push(follower);
  }

  /** Resolves as soon as the feed is not `catching-up`. */
  caughtUp(): Promise<void> {
    return this.#feed.caughtUp();
  }

  get freshness(): Freshness {
    return this.#feed.freshness();
  }

  /** How long ago nothing was known to be missing, in milliseconds. */
  get feedLagMs(): number {
    return this.#feed.lagMs;
  }

  /** Lookups that the control plane is being asked, and those that wait for their turn. */
  get lookups(): { readonly running: number; readonly waiting: number } {
    return { running: this.#queue.running, waiting: this.#queue.waiting };
  }

  /** Whether checks can be decided without the control plane's help: false before the feed was live, and when stale. */
  get isReady(): boolean {
    const { freshness } = this;
    return freshness === 'live' || freshness === 'aging' || freshness === 'catching-up';
  }

  peek(kid: string): KeyRecord | undefined {
    const { freshness } = this;
    return freshness === 'live' || freshness === 'aging' ? this.#cache.get(kid) : undefined;
  }

  get(kid: string, question: KeyQuestion): KeyRecord | undefined | Promise<KeyRecord | undefined> {
    const { freshness } = this;
    if (freshness === 'closed') throw new AuthenticationError('shutting_down');
    if (freshness === 'stale') throw new AuthenticationError('key_source_unavailable');
    if (freshness === 'catching-up') return this.#afterCatchingUp(kid, question);
    const record = this.#cache.get(kid);
    if (record !== undefined && freshness !== 'unproven') return record;
    if (freshness === 'live' && this.#cache.isUnknown(kid)) return undefined;
    return this.#lookups.get(kid, question);
  }

  #tick(): void {
    this.#feed.tick();
    const { revision } = this.#feed;
    if (revision !== undefined && this.#feed.freshness() === 'live') this.#snapshots?.tick(revision);
  }

  async #startFromSnapshot(snapshots: SnapshotKeeper): Promise<void> {
    const loaded = await snapshots.load();
    for (const record of loaded?.records ?? []) this.#cache.put(record.kid, compactRecord(record));
    this.#feed.start(loaded);
  }

  #createSnapshots(
    { snapshotFile, snapshotKeys, ...options }: ControlPlaneKeysOptions,
    clock: () => number,
    maxAgeMs: number,
  ): SnapshotKeeper | undefined {
    const everyMs = wholeNumber('snapshotEveryMs', options.snapshotEveryMs ?? 60_000);
    if (snapshotFile === undefined && snapshotKeys === undefined) return undefined;
    if (!snapshotFile || !snapshotKeys?.size) {
      throw new TypeError('snapshotFile and snapshotKeys belong together: a snapshot is believed for its signature');
    }
    return new SnapshotKeeper({
      files: new SnapshotFiles(snapshotFile),
      keys: snapshotKeys,
      fetch: fetchSnapshotFrom(this.#endpoint),
      maxAgeMs,
      everyMs,
      kidsAtHand: () => this.#cache.kids(MAX_SNAPSHOT_RECORDS),
      clock,
      now: this.#now,
      random: options.random ?? Math.random,
      onEvent: event => options.onSnapshot?.(event),
    });
  }

  async #afterCatchingUp(kid: string, question: KeyQuestion): Promise<KeyRecord | undefined> {
    await untilAborted(this.#feed.caughtUp(), question.signal);
    return this.get(kid, question);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#feed.close();
    await this.#snapshots?.close();
    await this.#auditHeads?.close();
    this.#cache.clear();
    this.#endpoint.close();
  }
}

import { type Change, parseAuditHead, parseChange, parsePosition } from './changes.ts';
import type { StreamEvent } from './event-stream.ts';
import type { ConnectFeed, FeedProblem } from './feed-connection.ts';

/**
 * What the feed allows to be believed of records at hand.
 * - `unproven`: it was never live; there is nothing to believe
 * - `live`: every change arrives within a heartbeat
 * - `aging`: it was lost, not longer ago than `maxStaleMs`
 * - `catching-up`: this process stood still; what happened meanwhile is being fetched
 * - `stale`: nothing was heard for longer than `maxStaleMs`
 * - `closed`: this side ended it
 */
export type Freshness = 'unproven' | 'live' | 'aging' | 'catching-up' | 'stale' | 'closed';

export interface ChangeFeedOptions {
  readonly connect: ConnectFeed;
  /** Steady clock, in milliseconds. */
  readonly clock: () => number;
  /** From 0 to 1, for the jitter of reconnects. */
  readonly random: () => number;
  readonly lostAfterMs: number;
  readonly stallAfterMs: number;
  readonly maxStaleMs: number;
  onChange(change: Change): void;
  /** Anything may have changed: nothing at hand may be believed any longer. */
  onReset(): void;
  /** The control plane says, with its signature, where its audit stands. */
  onAuditHead?(jws: string): void;
  onFreshness(freshness: Freshness): void;
  onProblem(problem: FeedProblem): void;
}

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 2000;
/** Of a heartbeat that carries a revision and nothing else. */
const MAX_BARE_LENGTH = 64;

type State = 'idle' | 'unproven' | 'live' | 'lost' | 'catching-up' | 'closed';

/**
 * Follows the control plane's changes, and says how far records at hand may be believed. All time comes from `clock`,
 * and passes with `tick`, which wants to be called several times within `stallAfterMs`: a gap between two calls means
 * that the process stood still, and that its socket may hold changes that nobody has read.
 */
export class ChangeFeed {
  readonly #options: ChangeFeedOptions;
  #state: State = 'idle';
  #reported: Freshness = 'unproven';
  #connection: { close(): void } | undefined;
  #failedAttempts = 0;
  #nextAttemptAt = 0;
  #attemptedAt = 0;
  #lastTickAt = 0;
  /** Anything at all was heard. */
  #lastHeardAt = 0;
  /** Nothing was missing. Part of a backlog does not count: what is missing may be at its end. */
  #lastCurrentAt = 0;
  #caughtUp: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #revision: number | undefined;
  #generation = 0;

  constructor(options: ChangeFeedOptions) {
    this.#options = options;
  }

  /**
   * @param known what is at hand was true at this revision, so long ago. Whether it is still believed depends on the
   *   first connection: on its backlog, or, where there is none to be had, on the age.
   */
  start(known?: { readonly revision: number; readonly ageMs: number }): void {
    if (this.#state !== 'idle') return;
    const now = this.#options.clock();
    this.#state = 'unproven';
    this.#lastTickAt = now;
    this.#lastHeardAt = now;
    this.#lastCurrentAt = now;
    if (known !== undefined) {
      this.#state = 'catching-up';
      this.#caughtUp = deferred();
      this.#revision = known.revision;
      this.#lastCurrentAt = now - known.ageMs;
    }
    this.#connect(now);
    this.#report(now);
  }

  /** All changes up to this revision have been handed on; none before the feed was first live. */
  get revision(): number | undefined {
    return this.#revision;
  }

  /** Grows whenever changes may have been missed, for the time being (a stall) or for ever (a reset). */
  get generation(): number {
    return this.#generation;
  }

  /** How long ago nothing was known to be missing, in milliseconds. */
  get lagMs(): number {
    return this.#state === 'idle' ? 0 : this.#options.clock() - this.#lastCurrentAt;
  }

  freshness(): Freshness {
    if (this.#state === 'idle') return 'unproven';
    const now = this.#options.clock();
    if (now - this.#lastTickAt > this.#options.stallAfterMs) this.tick();
    return this.#freshnessAt(now);
  }

  /** Resolves as soon as the feed is not `catching-up`. */
  caughtUp(): Promise<void> {
    return this.#caughtUp?.promise ?? Promise.resolve();
  }

  tick(): void {
    if (this.#state === 'idle' || this.#state === 'closed') return;
    const now = this.#options.clock();
    const stalled = now - this.#lastTickAt > this.#options.stallAfterMs;
    this.#lastTickAt = now;
    if (stalled) this.#afterStall(now);
    else if (this.#connection === undefined) {
      if (now >= this.#nextAttemptAt) this.#connect(now);
    } else if (now - Math.max(this.#lastHeardAt, this.#attemptedAt) > this.#options.lostAfterMs) {
      this.#lose({ code: 'silent' });
    }
    this.#report(now);
  }

  close(): void {
    this.#state = 'closed';
    this.#disconnect();
    this.#settleCatchUp();
    this.#report(this.#options.clock());
  }

  #freshnessAt(now: number): Freshness {
    const lagMs = now - this.#lastCurrentAt;
    if (this.#state === 'closed' || this.#state === 'catching-up') return this.#state;
    if (lagMs > this.#options.maxStaleMs) return 'stale';
    if (this.#state === 'live') return lagMs > this.#options.lostAfterMs ? 'aging' : 'live';
    return this.#state === 'unproven' ? 'unproven' : 'aging';
  }

  #report(now: number): void {
    const freshness = this.#freshnessAt(now);
    if (freshness === this.#reported) return;
    this.#reported = freshness;
    this.#options.onFreshness(freshness);
  }

  #connect(now: number): void {
    this.#disconnect();
    this.#attemptedAt = now;
    let current = true;
    const connection = this.#options.connect(this.#revision, {
      onEvent: event => {
        // A process that stood still may read what lay in its socket before its timers notice.
        this.freshness();
        if (current) this.#receive(event);
      },
      onEnd: problem => {
        if (current) this.#lose(problem);
      },
    });
    this.#connection = {
      close: () => {
        current = false;
        connection.close();
      },
    };
  }

  #disconnect(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.close();
  }

  #lose(problem: FeedProblem): void {
    this.#disconnect();
    const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(this.#failedAttempts++, 10));
    const now = this.#options.clock();
    this.#nextAttemptAt = now + backoffMs * (0.5 + this.#options.random() / 2);
    if (this.#state !== 'unproven') this.#state = 'lost';
    this.#settleCatchUp();
    this.#options.onProblem(problem);
    this.#report(now);
  }

  /** What the socket holds may be old: only a heartbeat on a new connection says that nothing is missing. */
  #afterStall(now: number): void {
    this.#generation++;
    if (this.#state !== 'unproven') {
      this.#state = 'catching-up';
      this.#caughtUp ??= deferred();
    }
    this.#options.onProblem({ code: 'stalled' });
    this.#connect(now);
  }

  #receive(event: StreamEvent): void {
    if (event.type === 'heartbeat' || event.type === 'reset') this.#position(event);
    else if (event.type === 'change') this.#change(event);
  }

  #position({ type, data }: StreamEvent): void {
    const revision = parsePosition(data);
    if (revision === undefined) {
      this.#startOver();
      return;
    }
    if (type === 'reset' || revision < (this.#revision ?? 0)) this.#reset();
    this.#revision = revision;
    if (type === 'heartbeat') this.#state = 'live';
    this.#heard();
    if (this.#options.onAuditHead === undefined || type !== 'heartbeat' || data.length <= MAX_BARE_LENGTH) return;
    const head = parseAuditHead(data);
    if (head !== undefined) this.#options.onAuditHead(head);
  }

  #change({ data, lastEventId }: StreamEvent): void {
    const change = parseChange(data);
    const revision = change?.revision ?? (/^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : undefined);
    if (revision === undefined) {
      this.#startOver();
      return;
    }
    if (change === undefined) this.#reset();
    else this.#options.onChange(change);
    if (this.#revision !== undefined) this.#revision = Math.max(this.#revision, revision);
    this.#heard();
  }

  #heard(): void {
    const now = this.#options.clock();
    this.#lastHeardAt = now;
    if (this.#state !== 'live') return;
    this.#lastCurrentAt = now;
    this.#failedAttempts = 0;
    this.#settleCatchUp();
    this.#report(now);
  }

  #reset(): void {
    this.#generation++;
    this.#options.onReset();
  }

  /** There is no telling where in the feed this is: begin again at its current end, knowing nothing. */
  #startOver(): void {
    this.#reset();
    this.#revision = undefined;
    this.#state = 'unproven';
    this.#lose({ code: 'malformed' });
  }

  #settleCatchUp(): void {
    this.#caughtUp?.resolve();
    this.#caughtUp = undefined;
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>(settle => {
    resolve = settle;
  });
  return { promise, resolve };
}

import { Refusal } from '../problems/refusal.ts';
import { Follower, type FollowerOptions, frameOf, type Sink } from './follower.ts';
import type { ChangePage, ReadChanges } from './read-changes.ts';

export interface ChangeFeedSettings {
  /** How often the table is looked at for what other replicas wrote. */
  readonly pollMs: number;
  readonly heartbeatMs: number;
  readonly maxFollowers: number;
  readonly maxBufferedBytes: number;
}

export interface ChangeFeedOptions extends ChangeFeedSettings {
  readonly read: ReadChanges;
  /** Steady clock, in milliseconds. */
  readonly clock: () => number;
  /** Told once when the database stops answering, and with `undefined` when it answers again. */
  onReadable(error: unknown): void;
}

const PAGE_SIZE = 200;
const DRAIN_TIMEOUT_MS = 10_000;
/** Larger than any revision, so that only the newest revision is read. */
const END = Number.MAX_SAFE_INTEGER;

/**
 * Hands changes to followers in the order of their revisions, each once, none missing. One reader serves them all: it
 * looks at the table when this process has written, and each `pollMs` besides.
 *
 * A heartbeat says that the follower knows everything, so it is sent only right after the table was read: when the
 * database does not answer, the stream falls silent, and followers know that they know nothing new.
 */
export class ChangeFeed {
  readonly #options: ChangeFeedOptions;
  readonly #followers = new Set<Follower>();
  #position = 0;
  #heartbeatAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #pumping: Promise<void> | undefined;
  #wanted = false;
  #failing = false;
  #auditHead: string | undefined;
  #state: 'new' | 'started' | 'closed' = 'new';

  constructor(options: ChangeFeedOptions) {
    this.#options = options;
  }

  get followers(): number {
    return this.#followers.size;
  }

  /** The newest revision that was read. */
  get revision(): number {
    return this.#position;
  }

  /** @param revision where live changes begin */
  start(revision: number): void {
    this.#position = revision;
    this.#state = 'started';
    this.#schedule();
  }

  /** Something was written here: don't wait for the next poll. */
  wake(): void {
    if (this.#state === 'started') void this.pump();
  }

  /**
   * Takes in a follower who knows everything up to `since`, or begins at the newest change.
   *
   * @returns a function that starts the stream, and resolves when the backlog was sent
   * @throws Refusal `unavailable`: there are too many already, or this is closing
   */
  async open(since: number | undefined): Promise<(sink: Sink) => { follower: Follower; live: Promise<void> }> {
    this.#refuseIfFull();
    const first = await this.#options.read(since ?? END, PAGE_SIZE);
    this.#refuseIfFull();
    // Without a revision to go on from there is nothing that could be lost.
    const page: ChangePage = since === undefined ? { kind: 'page', revision: first.revision, changes: [] } : first;
    return sink => {
      const options: FollowerOptions = {
        read: this.#options.read,
        pageSize: PAGE_SIZE,
        maxBufferedBytes: this.#options.maxBufferedBytes,
        drainTimeoutMs: DRAIN_TIMEOUT_MS,
        livePosition: () => this.#position,
        auditHead: () => this.#auditHead,
      };
      const follower = new Follower(sink, since ?? first.revision, options);
      this.#followers.add(follower);
      return { follower, live: follower.catchUp(page) };
    };
  }

  /** Goes out to every follower with its next heartbeat, once. */
  announceAuditHead(jws: string): void {
    this.#auditHead = jws;
  }

  leave(follower: Follower): void {
    this.#followers.delete(follower);
    follower.end();
  }

  /** Reads what is new, and sends it. Calls that come meanwhile make it look once more. */
  pump(): Promise<void> {
    this.#wanted = true;
    this.#pumping ??= this.#pumpAll().finally(() => {
      this.#pumping = undefined;
      // A call in the very moment of the end was told to wait for this one, which did not look any more.
      if (this.#wanted && this.#state === 'started') void this.pump();
    });
    return this.#pumping;
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    clearTimeout(this.#timer);
    for (const follower of this.#followers) this.leave(follower);
    await this.#pumping;
  }

  async #pumpAll(): Promise<void> {
    let readAt = this.#options.clock();
    try {
      while (this.#wanted && this.#state === 'started') {
        this.#wanted = false;
        readAt = this.#options.clock();
        const page = await this.#options.read(this.#position, PAGE_SIZE);
        this.#broadcast(page);
        if (this.#position < page.revision) this.#wanted = true;
      }
      this.#heartbeatIfDue(readAt);
      if (this.#failing) this.#options.onReadable(undefined);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#options.onReadable(error);
      this.#failing = true;
    }
  }

  #broadcast(page: ChangePage): void {
    if (page.kind === 'lost') {
      this.#position = page.revision;
      for (const follower of this.#followers) follower.reset(page.revision);
      return;
    }
    const last = page.changes.at(-1);
    if (last === undefined) return;
    this.#position = last.revision;
    const frames = page.changes.map(frameOf);
    for (const follower of this.#followers) follower.send(frames);
  }

  #heartbeatIfDue(readAt: number): void {
    const now = this.#options.clock();
    // What took long to read is no news.
    if (now - readAt > this.#options.heartbeatMs) return;
    // Polls come a little late, never early: half a poll of tolerance keeps the beat.
    if (now - this.#heartbeatAt < this.#options.heartbeatMs - this.#options.pollMs / 2) return;
    this.#heartbeatAt = now;
    for (const follower of this.#followers) follower.heartbeat();
  }

  #schedule(): void {
    this.#timer = setTimeout(async () => {
      await this.pump();
      if (this.#state === 'started') this.#schedule();
    }, this.#options.pollMs);
  }

  #refuseIfFull(): void {
    if (this.#state !== 'started')
      throw new Refusal('unavailable', 'the control plane is closing', { retryAfterSeconds: 1 });
    if (this.#followers.size < this.#options.maxFollowers) return;
    throw new Refusal('unavailable', 'there are too many followers already', { retryAfterSeconds: 5 });
  }
}

import type { Change } from '../wire/changes.ts';
import { changeFrame, heartbeatFrame, resetFrame } from './frames.ts';
import type { ChangePage, ReadChanges } from './read-changes.ts';

/** Where a follower's events go: an HTTP response, or a double of one. */
export interface Sink {
  write(frame: Buffer): void;
  /** What was written and not yet handed to the network. */
  readonly bufferedBytes: number;
  /** Resolves when the buffer is empty, or the other side has gone. */
  drained(): Promise<void>;
  /** Ends the stream in good order. */
  end(): void;
  /** Cuts the connection. */
  destroy(): void;
}

export interface FollowerOptions {
  readonly read: ReadChanges;
  readonly pageSize: number;
  /** A follower that leaves more than this unread is cut off. */
  readonly maxBufferedBytes: number;
  /** A follower that takes longer to read a page of the backlog is cut off. */
  readonly drainTimeoutMs: number;
  /** Up to where the live changes have got. */
  livePosition(): number;
  /** The newest signed audit head, if there is one. */
  auditHead(): string | undefined;
}

/** An encoded change; all followers share the bytes. */
export interface Frame {
  readonly revision: number;
  readonly bytes: Buffer;
}

/** One stream of changes: first the backlog, read from the database page by page, then the live ones. */
export class Follower {
  readonly #sink: Sink;
  readonly #options: FollowerOptions;
  #cursor: number;
  #sentHead: string | undefined;
  #state: 'catching-up' | 'live' | 'ended' = 'catching-up';

  /** @param cursor everything up to this revision is known to the follower */
  constructor(sink: Sink, cursor: number, options: FollowerOptions) {
    this.#sink = sink;
    this.#cursor = cursor;
    this.#options = options;
  }

  /** Sends the backlog, of which the first page has been read, and goes live. Never rejects: it cuts the stream. */
  async catchUp(firstPage: ChangePage): Promise<void> {
    try {
      let page = firstPage;
      for (;;) {
        this.#sendPage(page);
        if (this.#cursor >= page.revision && this.#cursor >= this.#options.livePosition()) break;
        await this.#drained();
        if (this.#state === 'ended') return;
        page = await this.#options.read(this.#cursor, this.#options.pageSize);
        if (this.#isEnded()) return;
      }
      this.#state = 'live';
      this.heartbeat();
    } catch {
      this.cutOff();
    }
  }

  /** Changes of which some may have been part of the backlog. */
  send(frames: readonly Frame[]): void {
    if (this.#state !== 'live') return;
    for (const { revision, bytes } of frames) {
      if (revision <= this.#cursor) continue;
      this.#cursor = revision;
      this.#sink.write(bytes);
    }
    this.#cutOffIfBehind();
  }

  heartbeat(): void {
    if (this.#state !== 'live') return;
    const head = this.#options.auditHead();
    this.#sink.write(heartbeatFrame(this.#cursor, head === this.#sentHead ? undefined : head));
    this.#sentHead = head;
    this.#cutOffIfBehind();
  }

  /** Whatever the follower knows may be wrong. One that is catching up finds out by itself. */
  reset(revision: number): void {
    if (this.#state !== 'live') return;
    this.#cursor = revision;
    this.#sink.write(resetFrame(revision));
  }

  end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#sink.end();
  }

  cutOff(): void {
    this.#state = 'ended';
    this.#sink.destroy();
  }

  #sendPage(page: ChangePage): void {
    if (page.kind === 'lost') {
      this.#cursor = page.revision;
      this.#sink.write(resetFrame(page.revision));
      return;
    }
    for (const change of page.changes) {
      this.#cursor = change.revision;
      this.#sink.write(changeFrame(change));
    }
  }

  async #drained(): Promise<void> {
    if (this.#sink.bufferedBytes === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('the follower does not read')), this.#options.drainTimeoutMs);
    });
    try {
      await Promise.race([this.#sink.drained(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #cutOffIfBehind(): void {
    if (this.#sink.bufferedBytes > this.#options.maxBufferedBytes) this.cutOff();
  }

  /** The state may have changed across an `await`, which the compiler does not see. */
  #isEnded(): boolean {
    return this.#state === 'ended';
  }
}

export function frameOf(change: Change): Frame {
  return { revision: change.revision, bytes: changeFrame(change) };
}

import type { Drops } from './drops.ts';
import type { Segment } from './segment.ts';
import type { SegmentStore } from './segment-store.ts';

export interface Bounds {
  readonly maxBytes: number;
  readonly segmentBytes: number;
  readonly whenFull: 'drop-oldest' | 'refuse';
}

/**
 * Keeps a spool folder to its size by dropping the oldest segments. A batch under way is never dropped: it may have
 * arrived. Processes that share the folder can't drop each other's: whoever holds the oldest starts two segments
 * earlier than the others, so that it is the oldest that go.
 */
export class ByteBound {
  readonly #store: SegmentStore;
  readonly #drops: Drops;
  readonly #maxBytes: number;
  readonly #segmentBytes: number;
  readonly #mayDrop: boolean;

  constructor(store: SegmentStore, drops: Drops, { maxBytes, segmentBytes, whenFull }: Bounds) {
    this.#store = store;
    this.#drops = drops;
    this.#maxBytes = maxBytes;
    this.#segmentBytes = segmentBytes;
    this.#mayDrop = whenFull === 'drop-oldest';
  }

  /** Whether so many bytes more fit, after what had to go has gone. */
  makeRoom(bytes: number): boolean {
    if (this.#store.bytes + bytes <= this.#maxBytes - 2 * this.#segmentBytes) return true;
    while (this.#mayDrop && this.#store.bytes + bytes > this.#limitBytes()) {
      const oldest = this.#oldest();
      if (!oldest) break;
      this.#drop(oldest);
    }
    return this.#store.bytes + bytes <= this.#maxBytes;
  }

  #limitBytes(): number {
    const { bytes, oldestUid } = this.#store.others;
    const mine = bytes > 0 ? this.#oldest() : undefined;
    const mineIsOldest = mine !== undefined && oldestUid !== undefined && mine.uid < oldestUid;
    return mineIsOldest ? this.#maxBytes - 2 * this.#segmentBytes : this.#maxBytes;
  }

  #oldest(): Segment | undefined {
    let oldest: Segment | undefined;
    for (const segment of this.#store.segments()) {
      if (!segment.pinned && (!oldest || segment.uid < oldest.uid)) oldest = segment;
    }
    return oldest;
  }

  #drop(segment: Segment): void {
    const from = { segment: segment.uid, upTo: segment.end };
    this.#drops.add('bytes', segment.kind, segment.pendingItems, from);
    this.#store.remove(segment);
  }
}

import type { Clock } from '../clock.ts';
import type { RateLimitedLog } from '../log.ts';
import type { SignalKind } from '../signals.ts';
import type { Batch, BatchRecord } from './batch.ts';
import type { Drops } from './drops.ts';
import { errorCodeOf } from './files.ts';
import type { Lane } from './lane.ts';
import type { Entry, ReadLimits, Segment } from './segment.ts';
import type { SegmentStore } from './segment-store.ts';

/** A wall clock that was never set says 1970: a record of that time has no age. */
const CLOCK_WAS_SET_AFTER_MS = Date.UTC(2020, 0, 1);
const EXPIRY_READ: ReadLimits = { maxRecords: 1_000, maxBytes: 1024 * 1024 };

export interface TakerParts {
  readonly store: SegmentStore;
  readonly drops: Drops;
  readonly log: RateLimitedLog;
  readonly clock: Clock;
  readonly maxAgeMs: number;
  readonly onLost: (segment: Segment) => void;
}

/** Hands out batches, one at a time for each signal, without what is too old, and clears away what is done. */
export class Taker {
  readonly #parts: TakerParts;

  constructor(parts: TakerParts) {
    this.#parts = parts;
  }

  async take(kind: SignalKind, limits: ReadLimits): Promise<Batch | undefined> {
    const lane = this.#parts.store.lane(kind);
    const giveBack = await lane.turn.acquire();
    try {
      const found = await this.#read(lane, limits);
      if (found) return this.#batch(found.segment, found.entries, giveBack);
    } catch (error) {
      giveBack();
      throw error;
    }
    giveBack();
    return undefined;
  }

  /** Drops what is too old, where no batch is out: whoever has one looks at the age of the next. */
  async expire(): Promise<void> {
    for (const lane of this.#parts.store.lanes()) {
      const head = lane.head;
      if (!head || lane.turn.isHeld || !this.#isTooOld(head, head.oldestAtMs)) continue;
      const batch = await this.take(lane.kind, EXPIRY_READ);
      await batch?.release();
    }
  }

  async #read(lane: Lane, limits: ReadLimits): Promise<{ segment: Segment; entries: Entry[] } | undefined> {
    for (let segment = lane.head; segment; segment = lane.head) {
      segment.pinned = true;
      try {
        const entries = await segment.read(limits, () => this.#parts.drops.add('damaged', lane.kind, 1));
        const fresh = this.#dropTooOld(segment, entries);
        if (fresh.length > 0) return { segment, entries: fresh };
        await this.#unpin(segment);
      } catch (error) {
        this.#parts.log.error('read', `a spool segment can not be read: ${errorCodeOf(error)}`);
        segment.pinned = false;
        this.#parts.onLost(segment);
      }
    }
    return undefined;
  }

  #dropTooOld(segment: Segment, entries: readonly Entry[]): Entry[] {
    const firstFresh = entries.findIndex(entry => !this.#isTooOld(segment, entry.record.appendedAtMs));
    const old = firstFresh < 0 ? entries : entries.slice(0, firstFresh);
    const last = old.at(-1);
    if (last) {
      this.#parts.drops.add('age', segment.kind, itemsOf(old), { segment: segment.uid, upTo: last.end });
      this.#acknowledge(segment, old);
    }
    return entries.slice(old.length);
  }

  /** A wall clock that jumps, as it does when it is set at last, makes nothing old that was appended since the start. */
  #isTooOld({ bornAtMs }: Segment, appendedAtMs: number): boolean {
    const { clock, maxAgeMs } = this.#parts;
    if (bornAtMs !== undefined && clock.monotonicMs() - bornAtMs < maxAgeMs) return false;
    return appendedAtMs > CLOCK_WAS_SET_AFTER_MS && appendedAtMs < clock.now() - maxAgeMs;
  }

  #batch(segment: Segment, entries: Entry[], giveBack: () => void): Batch {
    let left = entries;
    let records = left.map(entry => recordOf(segment, entry));
    let released: Promise<void> | undefined;
    const release = async () => {
      released ??= this.#unpin(segment).finally(giveBack);
      await released;
    };
    return {
      kind: segment.kind,
      whole: segment.whole,
      get records() {
        return records;
      },
      acknowledge: count => {
        this.#acknowledge(segment, left.slice(0, count));
        left = left.slice(count);
        records = records.slice(count);
      },
      release,
      [Symbol.asyncDispose]: release,
    };
  }

  /** Progress that can't be written costs a second sending after a restart, nothing more. */
  #acknowledge(segment: Segment, entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (!last) return;
    try {
      segment.acknowledge(last.end, entries.length, itemsOf(entries), last.record.appendedAtMs);
    } catch (error) {
      this.#parts.log.warn('progress', `progress in the spool can not be written: ${errorCodeOf(error)}`);
    }
  }

  async #unpin(segment: Segment): Promise<void> {
    segment.pinned = false;
    if (!segment.isDone || !segment.sealed) return;
    try {
      if (segment.hasGrown()) await segment.rescan();
      if (segment.isDone) this.#parts.store.remove(segment);
    } catch (error) {
      this.#parts.log.error('clear', `a spool segment that is done can not be cleared away: ${errorCodeOf(error)}`);
      this.#parts.store.lose(segment);
    }
  }
}

function itemsOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { record }) => sum + record.items, 0);
}

function recordOf(segment: Segment, { record, start }: Entry): BatchRecord {
  return { ...record, id: `${segment.uid}-${start}` };
}

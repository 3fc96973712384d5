import { errorCodeOf } from '../durable/spool/files.ts';
import { log } from '../log.ts';
import { JournalFile, type JournalFileParts } from './journal-file.ts';

/** A file smaller than this is not worth writing anew. */
const MIN_COMPACTION_BYTES = 64 * 1024;
/** Within it, one sign of life is enough. */
const BEAT_MS = 50;

/** A record that is to be on disk until it is taken back. */
export interface Slot {
  readonly payload: Buffer;
  /** Where it is; undefined while it is not on disk. */
  at: number | undefined;
}

/**
 * The records of what is open, in one file that is written anew once more than half of it is of no use. Nothing here
 * throws: what is traced goes on even if it can't be written down. Such a failure is said once, until it is over.
 */
export class JournalStore {
  readonly #parts: JournalFileParts;
  readonly #maxBytes: number;
  readonly #slots = new Set<Slot>();
  #file: JournalFile | undefined;
  #wantedBytes = 0;
  #refused = 0;
  /** The file is not what it should be; undefined if it is. */
  #failure: string | undefined;
  #beatAtMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(parts: JournalFileParts, maxBytes: number) {
    this.#parts = parts;
    this.#maxBytes = maxBytes;
    this.#attempt(() => this.#writeAnew());
  }

  get isEmpty(): boolean {
    return this.#slots.size === 0;
  }

  add(payload: Buffer): Slot {
    const slot: Slot = { payload, at: undefined };
    const bytes = JournalFile.bytesOf(payload);
    if (this.#isClosed) return slot;
    if (this.#wantedBytes + bytes > this.#maxBytes) {
      this.#refuse();
      return slot;
    }
    this.#slots.add(slot);
    this.#wantedBytes += bytes;
    this.#attempt(() => this.#place(slot, bytes));
    return slot;
  }

  /**
   * The new record is on disk before the old one is gone, so there is always one; a reader takes the later. Where there
   * is no room for the new one, the old one stays.
   *
   * @returns the one that counts
   */
  replace(slot: Slot, payload: Buffer): Slot {
    const added = this.add(payload);
    const [old, kept] = added.at === undefined && slot.at !== undefined ? [added, slot] : [slot, added];
    this.remove(old);
    return kept;
  }

  remove(slot: Slot): void {
    if (!this.#slots.delete(slot)) return;
    this.#wantedBytes -= JournalFile.bytesOf(slot.payload);
    if (this.#wantedBytes < this.#maxBytes / 2) this.#refused = 0;
    const { at } = slot;
    slot.at = undefined;
    if (at !== undefined) this.#attempt(() => this.#file?.takeBack(at));
    this.#beat();
  }

  /** To be called every second: a sign of life, and another try where a write failed. */
  tick(): void {
    if (this.#isClosed) return;
    this.#attempt(() => {
      if (!this.#file || this.#failure !== undefined || this.#file.isAstray()) {
        this.#writeAnew();
        this.#recovered();
      }
    });
    this.#beatAtMs = Number.NEGATIVE_INFINITY;
    this.#beat();
  }

  /** What is in it stays for the next process. */
  close(): void {
    this.tick();
    this.#isClosed = true;
    this.#attempt(() => {
      if (this.isEmpty) this.#file?.remove();
      else this.#file?.close();
    });
    this.#file = undefined;
  }

  #beat(): void {
    const nowMs = performance.now();
    if (nowMs - this.#beatAtMs < BEAT_MS) return;
    this.#beatAtMs = nowMs;
    this.#attempt(() => this.#file?.beat());
  }

  /** After a failure, writing all of it again is left to the next tick: it costs too much to be tried for every span. */
  #place(slot: Slot, bytes: number): void {
    const isDue = (this.#file?.bytes ?? 0) + bytes > Math.max(MIN_COMPACTION_BYTES, 2 * this.#wantedBytes);
    if (this.#failure === undefined && (isDue || !this.#file)) this.#writeAnew();
    else slot.at = this.#file?.append(slot.payload);
  }

  #writeAnew(): void {
    const slots = [...this.#slots];
    const file = new JournalFile(
      this.#parts,
      slots.map(slot => slot.payload),
    );
    this.#file?.close();
    this.#file = file;
    for (const [index, slot] of slots.entries()) slot.at = file.places[index];
  }

  #attempt(write: () => void): void {
    try {
      write();
    } catch (error) {
      const code = errorCodeOf(error);
      if (this.#failure === undefined) {
        log.error(`spans that are open if this process is killed may be lost: their journal can't be written: ${code}`);
      }
      this.#failure = code;
    }
  }

  #recovered(): void {
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    log.info('the journal of open spans can be written again');
  }

  #refuse(): void {
    if (this.#refused++ > 0) return;
    log.error(
      `more spans are open than ${this.#maxBytes} bytes of journal hold: some may be lost if this process is killed`,
    );
  }
}

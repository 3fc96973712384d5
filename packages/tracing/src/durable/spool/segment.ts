import { join } from 'node:path';
import type { SignalKind } from '../signals.ts';
import { FRAME_HEADER_BYTES, findFrame, parseFrame, type SpoolRecord } from './frame.ts';
import { SegmentFile } from './segment-file.ts';
import { decodeSegmentHeader, encodeProgress, encodeSegmentHeader, SEGMENT_HEADER_BYTES } from './segment-header.ts';
import { type SegmentName, segmentFileName } from './segment-name.ts';

/** Larger lengths on disk are damage; options stay below it. */
export const MAX_RECORD_BYTES = 64 * 1024 * 1024;
const MIN_READ_BYTES = 64 * 1024;

export interface Entry {
  readonly record: SpoolRecord;
  readonly start: number;
  readonly end: number;
}

export interface ReadLimits {
  readonly maxRecords: number;
  /** Of payload. One record is read even if it is larger. */
  readonly maxBytes: number;
}

/** One file of records, in the order of their appending, and how far they are done. */
export class Segment {
  readonly uid: string;
  readonly kind: SignalKind;
  readonly createdAtMs: number;
  /** Each record is a request to be sent by itself. */
  whole = false;
  readonly #file: SegmentFile;
  /** By the monotonic clock of this process; undefined if another one made it. */
  bornAtMs: number | undefined;
  /** Appends are over. */
  sealed = false;
  /** A batch from it is under way: it must not be dropped. */
  pinned = false;
  /** Behind the last record. */
  end = SEGMENT_HEADER_BYTES;
  acknowledged = SEGMENT_HEADER_BYTES;
  pendingRecords = 0;
  pendingItems = 0;
  /** When the oldest record was appended that is not done; a little too old after an acknowledgement. */
  oldestAtMs = Number.POSITIVE_INFINITY;
  #fileBytes = SEGMENT_HEADER_BYTES;
  #progressWrites = 0;

  private constructor({ uid, kind, createdAtMs }: SegmentName, file: SegmentFile) {
    this.uid = uid;
    this.kind = kind;
    this.createdAtMs = createdAtMs;
    this.#file = file;
  }

  /** @throws the file system's error; nothing is left behind then. */
  static create(folder: string, name: SegmentName, whole: boolean): Segment {
    const file = SegmentFile.create(join(folder, segmentFileName(name)));
    try {
      file.write(encodeSegmentHeader(name.kind, whole), 0);
    } catch (error) {
      file.remove();
      throw error;
    }
    const segment = new Segment(name, file);
    segment.whole = whole;
    return segment;
  }

  /** Opens a segment that another process left, whatever state it is in. Its torn end, if any, is not part of it. */
  static async adopt(folder: string, name: SegmentName): Promise<Segment> {
    const segment = new Segment(name, SegmentFile.existing(join(folder, segmentFileName(name))));
    segment.sealed = true;
    await segment.rescan();
    return segment;
  }

  get path(): string {
    return this.#file.path;
  }

  get isDone(): boolean {
    return this.acknowledged >= this.end;
  }

  /** On disk, with what is done already. */
  get bytes(): number {
    return Math.max(this.end, this.#fileBytes);
  }

  get pendingBytes(): number {
    return this.end - this.acknowledged;
  }

  /** @throws the file system's error; the segment is as before then. */
  append(frame: Buffer, items: number, appendedAtMs: number): void {
    try {
      this.#file.write(frame, this.end);
    } catch (error) {
      this.#cutTo(this.end);
      throw error;
    }
    if (this.pendingRecords === 0) this.oldestAtMs = appendedAtMs;
    this.end += frame.length;
    this.pendingRecords++;
    this.pendingItems += items;
  }

  seal(): void {
    this.sealed = true;
    this.#fileBytes = this.end;
    this.#file.letGo();
  }

  async sync(): Promise<void> {
    await this.#file.sync();
  }

  /** The next records that are not done, none if all are. `onDamage` is told the bytes of what can't be read. */
  async read(limits: ReadLimits, onDamage: (bytes: number) => void): Promise<Entry[]> {
    let readBytes = Math.max(MIN_READ_BYTES, limits.maxBytes + limits.maxRecords * FRAME_HEADER_BYTES);
    while (!this.isDone) {
      const start = this.acknowledged;
      const asked = Math.min(readBytes, this.end - start);
      const bytes = await this.#file.read(start, asked);
      const entries = entriesOf(bytes, start, limits);
      if (entries.length > 0) return entries;
      const first = parseFrame(bytes, 0, MAX_RECORD_BYTES);
      if (first.kind === 'short' && first.bytesNeeded > asked && start + first.bytesNeeded <= this.end) {
        readBytes = first.bytesNeeded;
      } else {
        onDamage(await this.#skipDamage());
      }
    }
    return [];
  }

  /** Everything before `end` is done, and stays done after a restart. */
  acknowledge(end: number, records: number, items: number, lastAppendedAtMs: number): void {
    this.acknowledged = end;
    this.pendingRecords = this.isDone ? 0 : Math.max(0, this.pendingRecords - records);
    this.pendingItems = this.isDone ? 0 : Math.max(0, this.pendingItems - items);
    this.oldestAtMs = this.pendingRecords === 0 ? Number.POSITIVE_INFINITY : lastAppendedAtMs;
    const { bytes, at } = encodeProgress(end, this.#progressWrites++);
    this.#file.write(bytes, at);
  }

  /** Whether its writer, held for dead, went on writing. */
  hasGrown(): boolean {
    return this.sealed && this.#file.bytes > this.#fileBytes;
  }

  /** Reads the whole file again, from the start. */
  async rescan(): Promise<void> {
    const bytes = await this.#file.read(0, this.#file.bytes);
    this.#fileBytes = bytes.length;
    this.pendingRecords = 0;
    this.pendingItems = 0;
    this.oldestAtMs = Number.POSITIVE_INFINITY;
    const header = decodeSegmentHeader(bytes);
    // Sent by itself, any record arrives; merged with others, not all do.
    this.whole = header?.whole ?? true;
    const from = Math.max(header?.acknowledged ?? SEGMENT_HEADER_BYTES, this.acknowledged);
    let end = from;
    for (let at: number | undefined = from; at !== undefined; ) {
      const parsed = parseFrame(bytes, at, MAX_RECORD_BYTES);
      if (parsed.kind === 'frame') {
        this.pendingRecords++;
        this.pendingItems += parsed.record.items;
        this.oldestAtMs = Math.min(this.oldestAtMs, parsed.record.appendedAtMs);
        at = end = parsed.end;
      } else {
        at = findFrame(bytes, at + 1, MAX_RECORD_BYTES);
      }
    }
    this.acknowledged = from;
    this.end = end;
  }

  remove(): void {
    this.sealed = true;
    this.#file.remove();
  }

  async #skipDamage(): Promise<number> {
    const start = this.acknowledged;
    const rest = await this.#file.read(start, this.end - start);
    const next = findFrame(rest, 1, MAX_RECORD_BYTES);
    const skipped = next ?? this.end - start;
    this.acknowledge(start + skipped, 0, 0, this.oldestAtMs);
    return skipped;
  }

  #cutTo(bytes: number): void {
    try {
      this.#file.truncate(bytes);
    } catch {
      // The next append overwrites what is left of this one, and a reader skips it.
    }
  }
}

function entriesOf(bytes: Buffer, start: number, { maxRecords, maxBytes }: ReadLimits): Entry[] {
  const entries: Entry[] = [];
  let payloadBytes = 0;
  for (let at = 0; entries.length < maxRecords; ) {
    const parsed = parseFrame(bytes, at, MAX_RECORD_BYTES);
    if (parsed.kind !== 'frame') break;
    payloadBytes += parsed.record.payload.length;
    if (entries.length > 0 && payloadBytes > maxBytes) break;
    entries.push({ record: parsed.record, start: start + at, end: start + parsed.end });
    at = parsed.end;
  }
  return entries;
}

import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { SIGNAL_KINDS, type SignalKind } from '../signals.ts';
import { errorCodeOf } from './files.ts';
import type { FsyncGroup } from './fsync-group.ts';
import { Lane } from './lane.ts';
import { Segment } from './segment.ts';
import { type SegmentName, segmentFileName, segmentUid } from './segment-name.ts';

export interface SegmentStoreParts {
  readonly folder: string;
  readonly owner: string;
  readonly fsyncs: FsyncGroup;
  readonly clock: Clock;
  readonly segmentBytes: number;
}

/** What is known of a record beside its bytes. */
export interface Appended {
  readonly items: number;
  readonly nowMs: number;
  readonly whole: boolean;
}

/** The segments that this process owns, and the sum of those that others do. */
export class SegmentStore {
  readonly folder: string;
  readonly #owner: string;
  readonly #fsyncs: FsyncGroup;
  readonly #clock: Clock;
  readonly #segmentBytes: number;
  readonly #lanes = new Map<SignalKind, Lane>(SIGNAL_KINDS.map(kind => [kind, new Lane(kind)]));
  #ownBytes = 0;
  #serial = 0;
  /** As of the last look. */
  others: { readonly bytes: number; readonly oldestUid: string | undefined } = { bytes: 0, oldestUid: undefined };

  constructor({ folder, owner, fsyncs, clock, segmentBytes }: SegmentStoreParts) {
    this.folder = folder;
    this.#owner = owner;
    this.#fsyncs = fsyncs;
    this.#clock = clock;
    this.#segmentBytes = segmentBytes;
  }

  lane(kind: SignalKind): Lane {
    const lane = this.#lanes.get(kind);
    if (!lane) throw new TypeError('kind must be traces, metrics, logs or profiles');
    return lane;
  }

  lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }

  *segments(): Iterable<Segment> {
    for (const lane of this.#lanes.values()) yield* lane.segments;
  }

  /** On disk, of all processes. */
  get bytes(): number {
    return this.#ownBytes + this.others.bytes;
  }

  /** @throws the file system's error */
  append(kind: SignalKind, frame: Buffer, { items, nowMs, whole }: Appended): void {
    const lane = this.lane(kind);
    const { active } = lane;
    if (active && (active.whole !== whole || active.end + frame.length > this.#segmentBytes)) this.seal(lane);
    const segment = lane.active ?? this.#create(lane, nowMs, whole);
    segment.append(frame, items, nowMs);
    this.#ownBytes += frame.length;
    this.#fsyncs.add(segment);
  }

  /** Takes over a segment of a dead owner. Undefined if another process was faster. */
  async adopt(name: SegmentName): Promise<Segment | undefined> {
    const mine = { ...name, owner: this.#owner };
    try {
      renameSync(join(this.folder, segmentFileName(name)), join(this.folder, segmentFileName(mine)));
    } catch (error) {
      if (errorCodeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
    return Segment.adopt(this.folder, mine);
  }

  add(segment: Segment): void {
    this.lane(segment.kind).add(segment);
    this.#ownBytes += segment.bytes;
  }

  seal(lane: Lane): void {
    const { active } = lane;
    if (!active) return;
    active.seal();
    lane.active = undefined;
    if (active.isDone && !active.pinned) this.remove(active);
  }

  remove(segment: Segment): void {
    this.#ownBytes -= segment.bytes;
    this.lane(segment.kind).delete(segment);
    this.#fsyncs.forget(segment);
    try {
      segment.remove();
    } catch {
      // What stays is known to be done, by its own progress or by the list of drops, to whoever finds it.
    }
  }

  /** Forgets a segment without touching its file. Whether another process has taken it over. */
  lose(segment: Segment): boolean {
    segment.seal();
    this.#ownBytes -= segment.bytes;
    this.lane(segment.kind).delete(segment);
    this.#fsyncs.forget(segment);
    return filesIn(this.folder).some(
      file => file.startsWith(segment.uid) && !file.includes(this.#owner, segment.uid.length),
    );
  }

  /** A rescan changes sizes: add them up again. */
  recount(): void {
    this.#ownBytes = [...this.segments()].reduce((sum, segment) => sum + segment.bytes, 0);
  }

  #create(lane: Lane, nowMs: number, whole: boolean): Segment {
    const uid = segmentUid(nowMs, this.#owner, this.#serial++);
    const name: SegmentName = { uid, createdAtMs: nowMs, kind: lane.kind, owner: this.#owner };
    const segment = this.#createFile(name, whole);
    segment.bornAtMs = this.#clock.monotonicMs();
    this.#fsyncs.addFolder();
    this.add(segment);
    return segment;
  }

  #createFile(name: SegmentName, whole: boolean): Segment {
    try {
      return Segment.create(this.folder, name, whole);
    } catch (error) {
      if (errorCodeOf(error) !== 'ENOENT') throw error;
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
      return Segment.create(this.folder, name, whole);
    }
  }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

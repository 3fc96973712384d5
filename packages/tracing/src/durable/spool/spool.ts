import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { wholeNumber } from '../check.ts';
import { RateLimitedLog } from '../log.ts';
import type { SignalKind } from '../signals.ts';
import type { Batch } from './batch.ts';
import { ByteBound } from './byte-bound.ts';
import { Drops } from './drops.ts';
import { errorCodeOf, isDiskFull } from './files.ts';
import { FRAME_HEADER_BYTES, FrameEncoder, MAX_ITEMS } from './frame.ts';
import { FsyncGroup } from './fsync-group.ts';
import { Housekeeper } from './housekeeper.ts';
import type { DropReason } from './ledger.ts';
import { Owners } from './owners.ts';
import type { ReadLimits, Segment } from './segment.ts';
import { SegmentStore } from './segment-store.ts';
import { type CheckedSpoolOptions, checkSpoolOptions, type SpoolOptions } from './spool-options.ts';
import type { SpoolStats } from './spool-stats.ts';
import { Taker } from './taker.ts';

export type AppendResult =
  | { readonly kind: 'stored' }
  | {
      readonly kind: 'refused';
      readonly reason: Extract<DropReason, 'bytes' | 'full' | 'disk_full' | 'write_failed' | 'too_large' | 'closed'>;
    };

const STORED: AppendResult = Object.freeze({ kind: 'stored' });

/**
 * A queue of export requests on disk, for one machine's processes to share.
 *
 * A record is with the kernel when `append` returns, so it survives a process that is killed then; it is on the disk
 * within `fsyncIntervalMs`, so it survives a power cut after that. Nothing waits in memory. Records stay until they are
 * acknowledged, or until the bounds on bytes and age drop the oldest, each of which is counted, logged and remembered.
 *
 * Each open spool writes segments of its own and sends them itself; those of a process that died are taken over within
 * about a second by a rename, which only one process can win. Always `close` a spool.
 */
export class Spool implements AsyncDisposable {
  readonly folder: string;
  readonly #options: CheckedSpoolOptions;
  readonly #log: RateLimitedLog;
  readonly #owners: Owners;
  readonly #fsyncs: FsyncGroup;
  readonly #store: SegmentStore;
  readonly #drops: Drops;
  readonly #bound: ByteBound;
  readonly #taker: Taker;
  readonly #housekeeper: Housekeeper;
  readonly #encoder = new FrameEncoder();
  readonly #listeners = new Set<(kind: SignalKind) => void>();
  readonly #appended = { records: 0, items: 0, bytes: 0 };
  #closed: Promise<void> | undefined;

  /**
   * Opens the folder, or makes it.
   *
   * @throws TypeError for options that are not usable; the file system's error if the folder can't be made or written
   */
  constructor(options: SpoolOptions) {
    this.#options = checkSpoolOptions(options);
    const { folder, clock, maxBytes, whenFull, maxAgeMs, segmentBytes, fsyncIntervalMs } = this.#options;
    this.folder = folder;
    this.#log = new RateLimitedLog(this.#options.log, clock);
    const [segments, ownersFolder] = [join(folder, 'segments'), join(folder, 'owners')];
    for (const path of [folder, segments, ownersFolder]) mkdirSync(path, { recursive: true, mode: 0o700 });
    this.#owners = new Owners(ownersFolder, clock);
    this.#fsyncs = new FsyncGroup(segments, fsyncIntervalMs, clock, this.#log);
    const owner = this.#owners.id;
    this.#store = new SegmentStore({ folder: segments, owner, fsyncs: this.#fsyncs, clock, segmentBytes });
    this.#drops = new Drops(folder, clock, this.#log);
    this.#bound = new ByteBound(this.#store, this.#drops, { maxBytes, segmentBytes, whenFull });
    const onLost = (segment: Segment) => this.#lose(segment);
    this.#taker = new Taker({ store: this.#store, drops: this.#drops, log: this.#log, clock, maxAgeMs, onLost });
    this.#housekeeper = new Housekeeper({
      store: this.#store,
      owners: this.#owners,
      ownersFolder,
      ledger: this.#drops.ledger,
      clock,
      log: this.#log,
      onLost,
      onAdopted: kind => this.#notify(kind),
      onRound: async () => {
        this.#bound.makeRoom(0);
        await this.#taker.expire();
        this.#log.sayLeft();
      },
    });
  }

  /**
   * Stores one export request. Synchronous: two or three microseconds, unless the kernel makes writers wait for the disk.
   *
   * @param payload OTLP protobuf of this signal; copied
   * @param items how many spans, data points or log records are in it, for the counts
   * @param whole the request is sent by itself, byte for byte; else it may be sent in one with its neighbours
   * @returns refused, if there is no room or no disk; it never throws for that, and it is counted already
   */
  append(kind: SignalKind, payload: Uint8Array, items = 1, { whole = false } = {}): AppendResult {
    this.#store.lane(kind);
    wholeNumber('items', items, 0, MAX_ITEMS);
    const { maxRecordBytes, clock, whenFull } = this.#options;
    if (this.#closed) return this.#refuse('closed', kind, items);
    if (payload.length > maxRecordBytes) return this.#refuse('too_large', kind, items);
    if (!this.#bound.makeRoom(FRAME_HEADER_BYTES + payload.length)) {
      return this.#refuse(whenFull === 'refuse' ? 'full' : 'bytes', kind, items);
    }
    const nowMs = clock.now();
    try {
      this.#store.append(kind, this.#encoder.encode(payload, items, nowMs), { items, nowMs, whole });
    } catch (error) {
      return this.#refuseBy(errorCodeOf(error), kind, items);
    }
    this.#appended.records++;
    this.#appended.items += items;
    this.#appended.bytes += payload.length;
    this.#notify(kind);
    return STORED;
  }

  /** The oldest records that are not done, once nobody else holds a batch of this signal; undefined if there are none. */
  async take(kind: SignalKind, limits: ReadLimits): Promise<Batch | undefined> {
    return this.#taker.take(kind, limits);
  }

  pending(kind: SignalKind): { readonly records: number; readonly items: number; readonly bytes: number } {
    const { pendingRecords, pendingItems, pendingBytes } = this.#store.lane(kind);
    return { records: pendingRecords, items: pendingItems, bytes: pendingBytes };
  }

  /** Calls `listener` on each append and each take-over, synchronously; the answer ends that. */
  onPending(listener: (kind: SignalKind) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Counts an item that never became a record, or a dead letter that was given up. */
  countDrop(reason: DropReason, kind: SignalKind, items: number): void {
    this.#drops.add(reason, kind, items);
  }

  /** Looks at the folder now: takes over what dead processes left, keeps to the bounds. Goes on by itself each second. */
  async keepHouse(): Promise<void> {
    await this.#housekeeper.run();
  }

  /** Resolves when all that was appended is on the disk; false if the disk failed meanwhile. Calls at a time share a sync. */
  async flush(): Promise<boolean> {
    return this.#fsyncs.flush();
  }

  /** Brings all to the disk and leaves what is pending to the next process. Batches must have been released. */
  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  stats(): SpoolStats {
    const segments = [...this.#store.segments()];
    const oldestAtMs = Math.min(...segments.map(segment => segment.oldestAtMs));
    return {
      appended: { ...this.#appended },
      dropped: this.#drops.counts(),
      pending: {
        records: segments.reduce((sum, segment) => sum + segment.pendingRecords, 0),
        items: segments.reduce((sum, segment) => sum + segment.pendingItems, 0),
        bytes: segments.reduce((sum, segment) => sum + segment.pendingBytes, 0),
      },
      oldestAgeMs: Number.isFinite(oldestAtMs) ? Math.max(0, this.#options.clock.now() - oldestAtMs) : 0,
      diskBytes: this.#store.bytes,
      fsyncs: this.#fsyncs.fsyncs,
      fsyncFailures: this.#fsyncs.failures,
    };
  }

  #notify(kind: SignalKind): void {
    for (const listener of this.#listeners) listener(kind);
  }

  #refuse(reason: Extract<AppendResult, { kind: 'refused' }>['reason'], kind: SignalKind, items: number): AppendResult {
    this.#drops.add(reason, kind, items);
    return { kind: 'refused', reason };
  }

  #refuseBy(code: string, kind: SignalKind, items: number): AppendResult {
    if (isDiskFull(code)) return this.#refuse('disk_full', kind, items);
    this.#log.error('write', `the spool can not be written: ${code}`);
    // Whatever is wrong with this file may not be wrong with the next.
    this.#store.seal(this.#store.lane(kind));
    return this.#refuse('write_failed', kind, items);
  }

  #lose(segment: Segment): void {
    if (this.#store.lose(segment)) {
      this.#log.warn('taken', 'another process took over a spool segment of this one');
      return;
    }
    this.#drops.add('unreadable', segment.kind, segment.pendingItems, { segment: segment.uid, upTo: segment.end });
  }

  async #close(): Promise<void> {
    await this.#housekeeper.stop();
    await this.#fsyncs.flush();
    for (const lane of this.#store.lanes()) this.#store.seal(lane);
    this.#drops.ledger.flush();
    this.#log.sayLeft({ all: true });
    this.#owners.resign();
  }
}

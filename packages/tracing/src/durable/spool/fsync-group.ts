import { open } from 'node:fs/promises';
import type { Clock } from '../clock.ts';
import type { RateLimitedLog } from '../log.ts';
import { errorCodeOf } from './files.ts';
import type { Segment } from './segment.ts';

/**
 * Brings written records to the disk in groups: one wait for the disk covers all that was appended in an interval, so a
 * power cut costs at most that interval, and no append waits.
 */
export class FsyncGroup {
  readonly #folder: string;
  readonly #intervalMs: number;
  readonly #clock: Clock;
  readonly #log: RateLimitedLog;
  readonly #dirty = new Set<Segment>();
  #folderIsDirty = false;
  #cancelTimer: (() => void) | undefined;
  #running: Promise<void> | undefined;
  fsyncs = 0;
  failures = 0;

  constructor(folder: string, intervalMs: number, clock: Clock, log: RateLimitedLog) {
    this.#folder = folder;
    this.#intervalMs = intervalMs;
    this.#clock = clock;
    this.#log = log;
  }

  add(segment: Segment): void {
    if (this.#dirty.has(segment)) return;
    this.#dirty.add(segment);
    this.#schedule();
  }

  /** A new name in the folder is as perishable as new bytes in a file. */
  addFolder(): void {
    this.#folderIsDirty = true;
  }

  /** Nothing of it has to reach the disk any more. */
  forget(segment: Segment): void {
    this.#dirty.delete(segment);
  }

  /** Resolves when all that was appended before the call is on disk; false if some of it may not be. */
  async flush(): Promise<boolean> {
    const failuresBefore = this.failures;
    // The one under way began before this call, and leaves the rest to a timer.
    await this.#running;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#dirty.size > 0) await this.#run();
    // Another flush, which waited as this one did, has begun what holds this one's records.
    else await this.#running;
    return this.failures === failuresBefore;
  }

  #schedule(): void {
    if (this.#cancelTimer || this.#running) return;
    this.#cancelTimer = this.#clock.after(this.#intervalMs, () => {
      this.#cancelTimer = undefined;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running ??= this.#syncAll().finally(() => {
      this.#running = undefined;
      if (this.#dirty.size > 0) this.#schedule();
    });
    await this.#running;
  }

  async #syncAll(): Promise<void> {
    const segments = [...this.#dirty];
    this.#dirty.clear();
    const folder = this.#folderIsDirty;
    this.#folderIsDirty = false;
    await Promise.all([...segments.map(segment => this.#try(() => segment.sync())), folder && this.#syncFolder()]);
  }

  async #syncFolder(): Promise<void> {
    await this.#try(async () => {
      await using handle = await open(this.#folder, 'r');
      await handle.sync();
    });
  }

  async #try(sync: () => Promise<void>): Promise<void> {
    try {
      this.fsyncs++;
      await sync();
    } catch (error) {
      const code = errorCodeOf(error);
      // Sent, dropped or taken over meanwhile: there is nothing to keep.
      if (code === 'ENOENT') return;
      this.failures++;
      this.#log.error('fsync', `a spool segment could not be brought to the disk: ${code}`);
    }
  }
}

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Batch } from '../spool/batch.ts';
import { Spool } from '../spool/spool.ts';
import type { SpoolOptions } from '../spool/spool-options.ts';
import { FakeClock } from './fake-clock.ts';
import { RecordingLog, scratchFolder } from './scratch.ts';

export const ALL = { maxRecords: 1_000, maxBytes: 1024 * 1024 };

/** A folder for spools, on a clock that stands still. */
export class SpoolBench implements Disposable {
  readonly clock = new FakeClock();
  readonly log = new RecordingLog();
  readonly #scratch = scratchFolder();

  get folder(): string {
    return this.#scratch.path;
  }

  open(options: Partial<SpoolOptions> = {}): Spool {
    return new Spool({ folder: this.folder, clock: this.clock, log: this.log, ...options });
  }

  segmentFiles(): string[] {
    return readdirSync(join(this.folder, 'segments')).sort();
  }

  /** Of the first segment. */
  segmentPath(): string {
    return join(this.folder, 'segments', this.segmentFiles()[0] ?? '');
  }

  /** Writes records and closes; answers where they are. */
  async leave(texts: readonly string[], options: Partial<SpoolOptions> = {}): Promise<string> {
    await using spool = this.open(options);
    for (const text of texts) spool.append('traces', Buffer.from(text));
    return this.segmentPath();
  }

  [Symbol.dispose](): void {
    this.#scratch[Symbol.dispose]();
  }
}

export function textsOf(batch: Batch | undefined): string[] {
  return (batch?.records ?? []).map(record => record.payload.toString());
}

export async function takeAll(spool: Spool): Promise<string[]> {
  const texts: string[] = [];
  for (;;) {
    await using batch = await spool.take('traces', ALL);
    if (!batch) return texts;
    texts.push(...textsOf(batch));
    batch.acknowledge(batch.records.length);
  }
}

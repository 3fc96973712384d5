import { appendFileSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SignalKind } from '../signals.ts';

const FILE = 'drops.jsonl';
const MAX_FILE_BYTES = 1024 * 1024;

/** Why an item is not in the spool, though it was to be. */
export const DROP_REASONS = Object.freeze({
  bytes: 'the oldest went, so that the spool keeps to its bytes',
  full: 'the spool is at its bound, and was told to keep what it has',
  age: 'nobody took it for longer than the spool keeps records',
  disk_full: 'the file system had no room',
  write_failed: 'the file system refused for another cause',
  too_large: 'a single record was larger than a record may be',
  unserializable: 'what ended could not be written as OTLP',
  closed: 'it came after the end',
  damaged: 'its bytes on disk were not those that were written; counted once for each damaged stretch',
  unreadable: 'its segment could not be read, or was gone',
  dead_letter_bytes: 'a dead letter went, so that the folder keeps to its bytes',
});

export type DropReason = keyof typeof DROP_REASONS;

export interface Drop {
  readonly atMs: number;
  readonly reason: DropReason;
  readonly kind: SignalKind;
  readonly items: number;
  /** What was given up, where it had been written: all of this segment up to this offset. */
  readonly segment?: string;
  readonly upTo?: number;
}

/**
 * What was dropped, on disk, so that the count survives the process: one JSON object a line, written before the drop
 * itself. Whoever finds the segment again after a crash between the two completes the drop instead of counting twice.
 */
export class DropLedger {
  readonly #path: string;
  readonly #unwritten: Drop[] = [];
  /** The last line may lack its end. */
  #torn = false;

  constructor(folder: string) {
    this.#path = join(folder, FILE);
  }

  /** Refusals come by the thousand, so they are added up, and written by `flush`; a drop of what was stored at once. */
  add(drop: Drop): void {
    const known = this.#unwritten.findIndex(
      other => drop.segment === undefined && other.segment === undefined && sameCause(other, drop),
    );
    const sum = this.#unwritten[known];
    if (sum) this.#unwritten[known] = { ...sum, items: sum.items + drop.items };
    else this.#unwritten.push(drop);
    if (drop.segment !== undefined) this.flush();
  }

  /** What can't be written stays in memory, for the next time. */
  flush(): void {
    try {
      for (let drop = this.#unwritten[0]; drop; drop = this.#unwritten[0]) {
        this.#rotate();
        const lineEnd = this.#torn ? '\n' : '';
        this.#torn = true;
        appendFileSync(this.#path, `${lineEnd}${JSON.stringify(drop)}\n`, { mode: 0o600 });
        this.#torn = false;
        this.#unwritten.shift();
      }
    } catch {
      // The disk is full, most likely: that is said by whoever tries to append records.
    }
  }

  /** How far segments were given up, by uid. */
  droppedSegments(): ReadonlyMap<string, number> {
    const upTo = new Map<string, number>();
    for (const { segment, upTo: to = 0 } of [...readDrops(`${this.#path}.1`), ...readDrops(this.#path)]) {
      if (segment !== undefined) upTo.set(segment, Math.max(to, upTo.get(segment) ?? 0));
    }
    return upTo;
  }

  #rotate(): void {
    const size = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    if (size >= MAX_FILE_BYTES) renameSync(this.#path, `${this.#path}.1`);
  }
}

function sameCause(one: Drop, other: Drop): boolean {
  return one.reason === other.reason && one.kind === other.kind;
}

/** The drops that a spool folder remembers, oldest first: of the last one or two megabytes of them. */
export function dropsIn(folder: string): Drop[] {
  const path = join(folder, FILE);
  return [...readDrops(`${path}.1`), ...readDrops(path)];
}

function readDrops(path: string): Drop[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap(line => {
    try {
      return line === '' ? [] : [JSON.parse(line) as Drop];
    } catch {
      return [];
    }
  });
}

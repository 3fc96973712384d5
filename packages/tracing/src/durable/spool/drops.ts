import type { Clock } from '../clock.ts';
import type { RateLimitedLog } from '../log.ts';
import type { SignalKind } from '../signals.ts';
import { DropLedger, type DropReason } from './ledger.ts';

const TEXTS: Readonly<Record<DropReason, string>> = {
  bytes: 'the spool is full: the oldest items were dropped',
  full: 'the spool is full: items were not stored',
  age: 'items were dropped that nobody took for longer than the spool keeps them',
  disk_full: 'the disk is full: items were not stored',
  write_failed: 'the file system refuses the spool: items were not stored',
  too_large: 'items were not stored, since their record is larger than maxRecordBytes',
  unserializable: 'items could not be written as OTLP',
  closed: 'items came after the spool was closed',
  damaged: 'a spool segment is damaged: what could not be read was skipped',
  unreadable: 'a spool segment can not be read: its items were dropped',
  dead_letter_bytes: 'the dead letters are full: the oldest were dropped',
};

/** Counts, logs and remembers every item that is given up. */
export class Drops {
  readonly ledger: DropLedger;
  readonly #clock: Clock;
  readonly #log: RateLimitedLog;
  readonly #counts = new Map<DropReason, number>();

  constructor(folder: string, clock: Clock, log: RateLimitedLog) {
    this.ledger = new DropLedger(folder);
    this.#clock = clock;
    this.#log = log;
  }

  add(reason: DropReason, kind: SignalKind, items: number, from: { segment?: string; upTo?: number } = {}): void {
    if (items === 0) return;
    this.ledger.add({ atMs: this.#clock.now(), reason, kind, items, ...from });
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + items);
    this.#log.error(`drop ${reason}`, TEXTS[reason], items);
  }

  counts(): Readonly<Partial<Record<DropReason, number>>> {
    return Object.fromEntries(this.#counts);
  }
}

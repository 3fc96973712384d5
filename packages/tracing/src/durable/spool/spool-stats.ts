import type { DropReason } from './ledger.ts';

/** Of this process, since the spool was opened, but for what says otherwise. Items are spans, data points, log records. */
export interface SpoolStats {
  readonly appended: { readonly records: number; readonly items: number; readonly bytes: number };
  /** In items. Over all processes and restarts: `dropsIn(folder)`. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  /** What this process has still to send, with what it took over from the dead. */
  readonly pending: { readonly records: number; readonly items: number; readonly bytes: number };
  /** How long the oldest pending record has waited; 0 if none is pending. */
  readonly oldestAgeMs: number;
  /** Segment files of all processes in the folder. */
  readonly diskBytes: number;
  readonly fsyncs: number;
  readonly fsyncFailures: number;
}

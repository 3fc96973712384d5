import type { SignalKind } from '../signals.ts';
import type { SpoolRecord } from './frame.ts';

export interface BatchRecord extends SpoolRecord {
  /** The same whenever this record is read, by whichever process. */
  readonly id: string;
}

/**
 * Records taken from the spool, in their order. They stay in it until they are acknowledged; nobody else gets records
 * of this signal before the batch is released.
 */
export interface Batch extends AsyncDisposable {
  readonly kind: SignalKind;
  /** Its records are whole requests: each is to be sent by itself, as it is. */
  readonly whole: boolean;
  /** Those that are not acknowledged yet. */
  readonly records: readonly BatchRecord[];
  /** The first `count` of `records` are done, and never come again. */
  acknowledge(count: number): void;
  /** What is not acknowledged comes again with the next batch. */
  release(): Promise<void>;
}

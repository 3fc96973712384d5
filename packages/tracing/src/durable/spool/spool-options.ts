import { someText, wholeNumber } from '../check.ts';
import { type Clock, systemClock } from '../clock.ts';
import { type DurableLog, diagLog } from '../log.ts';
import { MAX_RECORD_BYTES } from './segment.ts';

const MIB = 1024 * 1024;
const MIN_SPOOL_BYTES = 64 * 1024;

export interface SpoolOptions {
  /** Made if it is not there, for this user alone. Processes of one machine may share it; not over a network. */
  readonly folder: string;
  /** What all segments in the folder may take together. Default 512 MiB, at least 64 KiB. */
  readonly maxBytes?: number | undefined;
  /**
   * What goes when the folder is at its bound: the oldest records, or the new one, which `append` then refuses. To refuse
   * is for who can keep it, or make its sender keep it. Default `drop-oldest`.
   */
  readonly whenFull?: 'drop-oldest' | 'refuse' | undefined;
  /** Records older than this are dropped. Default 7 days. */
  readonly maxAgeMs?: number | undefined;
  /** A larger record is refused. Default 8 MiB, or an eighth of `maxBytes` if that is less. */
  readonly maxRecordBytes?: number | undefined;
  /** A new file is begun at this size. Default 4 MiB, or an eighth of `maxBytes` if that is less. */
  readonly segmentBytes?: number | undefined;
  /** A power cut costs what was appended in this time, and no more. Default 50, at most 1000. */
  readonly fsyncIntervalMs?: number | undefined;
  readonly clock?: Clock | undefined;
  /** Default: OpenTelemetry's `diag`. */
  readonly log?: DurableLog | undefined;
}

export interface CheckedSpoolOptions {
  readonly folder: string;
  readonly maxBytes: number;
  readonly whenFull: 'drop-oldest' | 'refuse';
  readonly maxAgeMs: number;
  readonly maxRecordBytes: number;
  readonly segmentBytes: number;
  readonly fsyncIntervalMs: number;
  readonly clock: Clock;
  readonly log: DurableLog;
}

/** @throws TypeError */
export function checkSpoolOptions(options: SpoolOptions): CheckedSpoolOptions {
  const maxBytes = wholeNumber('maxBytes', options.maxBytes ?? 512 * MIB, MIN_SPOOL_BYTES, Number.MAX_SAFE_INTEGER);
  const share = Math.floor(maxBytes / 8);
  const whenFull = options.whenFull ?? 'drop-oldest';
  if (whenFull !== 'drop-oldest' && whenFull !== 'refuse') {
    throw new TypeError("whenFull must be 'drop-oldest' or 'refuse'");
  }
  const largestRecord = Math.min(MAX_RECORD_BYTES, share);
  return {
    folder: someText('folder', options.folder),
    maxBytes,
    whenFull,
    maxAgeMs: wholeNumber('maxAgeMs', options.maxAgeMs ?? 7 * 24 * 3_600_000, 1, Number.MAX_SAFE_INTEGER),
    maxRecordBytes: wholeNumber(
      'maxRecordBytes',
      options.maxRecordBytes ?? Math.min(8 * MIB, largestRecord),
      1,
      largestRecord,
    ),
    segmentBytes: wholeNumber('segmentBytes', options.segmentBytes ?? Math.min(4 * MIB, share), 1024, share),
    fsyncIntervalMs: wholeNumber('fsyncIntervalMs', options.fsyncIntervalMs ?? 50, 0, 1000),
    clock: options.clock ?? systemClock,
    log: options.log ?? diagLog,
  };
}

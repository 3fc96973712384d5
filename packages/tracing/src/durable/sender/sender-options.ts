import { MAX_TIMER_MS, wholeNumber } from '../check.ts';
import { type Clock, systemClock } from '../clock.ts';
import { type DurableLog, diagLog } from '../log.ts';
import type { Spool } from '../spool/spool.ts';
import type { ExportCredentials, Transport } from './transport.ts';

const MIB = 1024 * 1024;

export interface SpoolSenderOptions {
  readonly spool: Spool;
  readonly transport: Transport;
  /** Told of refusals. The transport has the headers. */
  readonly credentials?: ExportCredentials | undefined;
  /** Records in one request. Default 512. */
  readonly maxBatchRecords?: number | undefined;
  /** Of payload in one request. Default 2 MiB: gRPC receivers take 4 MiB by default. */
  readonly maxBatchBytes?: number | undefined;
  /** How long a batch that is not full waits for more. Default 1,000. */
  readonly lingerMs?: number | undefined;
  /** The first back-off; each failure doubles it. Default 500. */
  readonly initialBackoffMs?: number | undefined;
  /** Where back-off ends. Default 30,000. */
  readonly maxBackoffMs?: number | undefined;
  /** Between attempts while the credential is refused, or the piped is not allowed. Default 30,000. */
  readonly slowRetryMs?: number | undefined;
  /** The longest wait that a server can ask for. Default one hour. */
  readonly maxServerWaitMs?: number | undefined;
  /** What dead letters may take; the oldest go first. Default 64 MiB. */
  readonly maxDeadLetterBytes?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly log?: DurableLog | undefined;
  /** In [0, 1), for jitter. */
  readonly random?: (() => number) | undefined;
}

export interface CheckedSenderOptions {
  readonly spool: Spool;
  readonly transport: Transport;
  readonly credentials: ExportCredentials;
  readonly maxBatchRecords: number;
  readonly maxBatchBytes: number;
  readonly lingerMs: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly slowRetryMs: number;
  readonly maxServerWaitMs: number;
  readonly maxDeadLetterBytes: number;
  readonly clock: Clock;
  readonly log: DurableLog;
  readonly random: () => number;
}

/** @throws TypeError */
export function checkSenderOptions(options: SpoolSenderOptions): CheckedSenderOptions {
  const time = (name: keyof SpoolSenderOptions & `${string}Ms`, fallback: number, min = 1) =>
    wholeNumber(name, options[name] ?? fallback, min, MAX_TIMER_MS);
  const initialBackoffMs = time('initialBackoffMs', 500);
  return {
    spool: options.spool,
    transport: options.transport,
    credentials: options.credentials ?? {},
    maxBatchRecords: wholeNumber('maxBatchRecords', options.maxBatchRecords ?? 512, 1, 100_000),
    maxBatchBytes: wholeNumber('maxBatchBytes', options.maxBatchBytes ?? 2 * MIB, 1, 64 * MIB),
    lingerMs: time('lingerMs', 1_000, 0),
    initialBackoffMs,
    maxBackoffMs: time('maxBackoffMs', Math.max(30_000, initialBackoffMs), initialBackoffMs),
    slowRetryMs: time('slowRetryMs', 30_000),
    maxServerWaitMs: time('maxServerWaitMs', 3_600_000, 0),
    maxDeadLetterBytes: wholeNumber(
      'maxDeadLetterBytes',
      options.maxDeadLetterBytes ?? 64 * MIB,
      0,
      Number.MAX_SAFE_INTEGER,
    ),
    clock: options.clock ?? systemClock,
    log: options.log ?? diagLog,
    random: options.random ?? Math.random,
  };
}

import type { SinkSpan } from '../harness/sink.ts';
import { type Counts, countSpans, type MadeSpan, orphans, unequalDoubles } from './count.ts';

/** By how the piped exports. */
export type Way = 'durable' | 'sidecar' | 'stock';

/** All ways that keep what they took together, and then each way by itself; that of the stock exporter is the comparison. */
export interface WayCounts extends Counts, Readonly<Record<Way, Counts>> {}

export interface FaultCounts extends WayCounts {
  readonly fault: string;
}

/** What one run found, as it is written to a file. */
export interface Report {
  readonly profile: 'ci' | 'long';
  readonly seed: number;
  readonly seconds: number;
  readonly deploymentsPerSecond: number;
  /** Whether the disk that was full was one, or a limit on the size of files. */
  readonly fullDisk: 'disk' | 'limit';
  readonly total: WayCounts;
  readonly leftInSpools: number;
  /** What the spools say that they did not store, by reason. */
  readonly countedDrops: Readonly<Record<string, number>>;
  readonly unequalDoubles: number;
  readonly orphans: number;
  /** In the order in which they were made; spans count for the fault during which they ended. */
  readonly faults: readonly FaultCounts[];
}

/** When a fault began; it lasts until the next one. */
export interface Window {
  readonly fault: string;
  readonly fromMs: number;
}

export type MadeByWay = Readonly<Record<Way, readonly MadeSpan[]>>;

export function countsOf(made: MadeByWay, arrived: readonly SinkSpan[]): WayCounts {
  const durable = countSpans(made.durable, arrived);
  const sidecar = countSpans(made.sidecar, arrived);
  return { ...sumOf(durable, sidecar), durable, sidecar, stock: countSpans(made.stock, arrived) };
}

export function faultCounts(made: MadeByWay, arrived: readonly SinkSpan[], windows: readonly Window[]): FaultCounts[] {
  return windows.map(({ fault, fromMs }, index) => {
    const toMs = windows[index + 1]?.fromMs ?? Number.POSITIVE_INFINITY;
    const during = (spans: readonly MadeSpan[]) =>
      spans.filter(({ endedAtMs }) => endedAtMs >= fromMs && endedAtMs < toMs);
    const part = { durable: during(made.durable), sidecar: during(made.sidecar), stock: during(made.stock) };
    return { fault, ...countsOf(part, arrived) };
  });
}

/** How well the trees of the durable pipeds came through. */
export function flawsOf(made: readonly MadeSpan[], arrived: readonly SinkSpan[]) {
  const traces = new Set(made.map(({ traceId }) => traceId));
  const ofThem = arrived.filter(({ traceId }) => traces.has(traceId));
  return { unequalDoubles: unequalDoubles(ofThem).length, orphans: orphans(made, ofThem).length };
}

export function sumByReason(drops: readonly { readonly reason: string; readonly items: number }[]) {
  const sums: Record<string, number> = {};
  for (const { reason, items } of drops) sums[reason] = (sums[reason] ?? 0) + items;
  return sums;
}

/** Of several counts; the longest delay is that of all. */
export function sumOf(...counts: readonly Counts[]): Counts {
  const sum = (name: keyof Counts) => counts.reduce((total, one) => total + one[name], 0);
  return {
    made: sum('made'),
    refused: sum('refused'),
    arrived: sum('arrived'),
    doubled: sum('doubled'),
    lost: sum('lost'),
    misattributed: sum('misattributed'),
    longestDelayMs: Math.max(...counts.map(({ longestDelayMs }) => longestDelayMs)),
  };
}

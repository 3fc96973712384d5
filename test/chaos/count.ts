import { type SinkSpan, valuesOf } from '../harness/sink.ts';

/** A span that a piped made, as the piped itself said after it had ended. */
export interface MadeSpan {
  /** Whose key the piped has. */
  readonly project: string;
  readonly piped: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly endedAtMs: number;
  /** The append succeeded. */
  readonly stored: boolean;
}

export interface Counts {
  readonly made: number;
  /** Not stored, and said so. */
  readonly refused: number;
  /** Distinct ones that are at the sink, of those that were made. */
  readonly arrived: number;
  /** Arrivals beyond the first, of the same span. */
  readonly doubled: number;
  /** Stored, and not at the sink. */
  readonly lost: number;
  /** At the sink under another identity than that of the key. */
  readonly misattributed: number;
  readonly longestDelayMs: number;
}

/** Compares what was made with what arrived. */
export function countSpans(made: readonly MadeSpan[], arrived: readonly SinkSpan[]): Counts {
  const arrivals = new Map<string, SinkSpan[]>();
  for (const span of arrived) {
    const key = keyOf(span);
    arrivals.set(key, [...(arrivals.get(key) ?? []), span]);
  }
  const counts = { made: 0, refused: 0, arrived: 0, doubled: 0, lost: 0, misattributed: 0, longestDelayMs: 0 };
  for (const span of made) {
    counts.made++;
    if (!span.stored) counts.refused++;
    const seen = arrivals.get(keyOf(span)) ?? [];
    if (seen.length === 0) counts.lost += span.stored ? 1 : 0;
    else {
      counts.arrived++;
      counts.doubled += seen.length - 1;
      counts.misattributed += seen.some(one => !isFrom(one, span)) ? 1 : 0;
      const firstMs = Math.min(...seen.map(({ arrivedAtMs }) => arrivedAtMs));
      counts.longestDelayMs = Math.max(counts.longestDelayMs, firstMs - span.endedAtMs);
    }
  }
  return counts;
}

/** Arrivals of one span that differ in more than when they came. */
export function unequalDoubles(arrived: readonly SinkSpan[]): string[] {
  const first = new Map<string, string>();
  const unequal: string[] = [];
  for (const { arrivedAtMs: _, ...span } of arrived) {
    const text = JSON.stringify(span);
    const known = first.get(keyOf(span));
    if (known === undefined) first.set(keyOf(span), text);
    else if (known !== text) unequal.push(`${known} ${text}`);
  }
  return unequal;
}

/** Arrived spans whose parent neither arrived nor was refused. */
export function orphans(made: readonly MadeSpan[], arrived: readonly SinkSpan[]): SinkSpan[] {
  const known = new Set([...arrived, ...made.filter(({ stored }) => !stored)].map(keyOf));
  return arrived.filter(
    ({ traceId, parentSpanId }) => parentSpanId !== '' && !known.has(keyOf({ traceId, spanId: parentSpanId })),
  );
}

function keyOf({ traceId, spanId }: { readonly traceId: string; readonly spanId: string }): string {
  return traceId + spanId;
}

function isFrom({ resource }: SinkSpan, { project, piped }: MadeSpan): boolean {
  const is = (key: string, value: string) => valuesOf(resource, key).join() === value;
  return is('project-id', project) && is('piped-id', piped);
}

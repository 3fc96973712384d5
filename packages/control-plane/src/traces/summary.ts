/** What a deployment is summed up from: a span as Jaeger's query API (`/api/traces`) has it, times in microseconds. */
export interface TraceSpanLike {
  readonly operationName: string;
  readonly startTime: number;
  readonly duration: number;
  readonly tags: readonly { readonly key: string; readonly value?: unknown }[];
  readonly references: readonly { readonly refType: string; readonly traceID: string; readonly spanID: string }[];
}

export interface DeploymentTimes<Span> {
  /** The `Deploy` that tells how it ended: of several, the one that ended last. */
  readonly root: Span | undefined;
  /** Microseconds since 1970. */
  readonly startUs: number;
  /** At the earliest `startUs`. */
  readonly endUs: number;
  /** `running`: its root span has not come, so it may still be at work. */
  readonly outcome: 'success' | 'failed' | 'running';
}

const ROOT = 'Deploy';
const TOPS = ['Plan', ROOT];

/**
 * From when until when a deployment went on, and how it ended. PipeCD's own piped makes a root of Plan too, and a piped that
 * goes on after a restart another Deploy: all of that is one deployment.
 */
export function deploymentTimes<Span extends TraceSpanLike>(
  traceId: string,
  spans: readonly Span[],
): DeploymentTimes<Span> {
  const tops = spans.filter(span => TOPS.includes(span.operationName) && parentOf(span, traceId) === undefined);
  const [root] = tops.filter(({ operationName }) => operationName === ROOT).sort((a, b) => endOf(b) - endOf(a));
  const parts = root ? tops : spans;
  const startUs = parts.reduce((least, { startTime }) => Math.min(least, startTime), parts[0]?.startTime ?? 0);
  const endUs = root ? endOf(root) : spans.reduce((greatest, span) => Math.max(greatest, endOf(span)), startUs);
  return {
    root,
    startUs,
    endUs: Math.max(startUs, endUs),
    outcome: root === undefined ? 'running' : isFailed(root) ? 'failed' : 'success',
  };
}

export function isFailed({ tags }: Pick<TraceSpanLike, 'tags'>): boolean {
  return tags.some(({ key, value }) => key === 'error' && (value === true || value === 'true'));
}

/** The id of the span that it is a part of. */
export function parentOf({ references }: Pick<TraceSpanLike, 'references'>, traceId: string): string | undefined {
  return references.find(({ refType, traceID }) => refType === 'CHILD_OF' && traceID === traceId)?.spanID;
}

function endOf({ startTime, duration }: TraceSpanLike): number {
  return startTime + duration;
}

import type { JaegerSpan, JaegerTrace } from './jaeger-client.ts';

/** A deployment as its trace tells it. */
export interface DeploymentSummary {
  readonly traceId: string;
  /** Empty where no span says it. */
  readonly deploymentId: string;
  readonly application: string;
  readonly project: string;
  readonly piped: string;
  readonly startedAt: string;
  readonly durationMs: number;
  /** `running`: its root span has not come, so it may still be at work. */
  readonly outcome: 'success' | 'failed' | 'running';
  /** As the root span says: `success`, `failure`, `timeout`, `cancellation`, … */
  readonly result: string;
  readonly spans: number;
}

const ROOT = 'Deploy';
const TOPS = ['Plan', ROOT];

export function summaryOf(trace: JaegerTrace): DeploymentSummary {
  const { spans } = trace;
  const tops = spans.filter(span => parentOf(span, trace.traceID) === undefined);
  const root = lastToEnd(tops.filter(({ operationName }) => operationName === ROOT));
  // PipeCD's own piped makes a root of Plan too, and another Deploy after a restart: all of that is one deployment.
  const parts = root ? tops.filter(({ operationName }) => TOPS.includes(operationName)) : spans;
  const startUs = least(parts.map(span => span.startTime));
  const endUs = root ? root.startTime + root.duration : greatest(spans.map(span => span.startTime + span.duration));
  const result = root ? textTag(root, 'cicd.pipeline.result') : '';
  return {
    traceId: trace.traceID,
    deploymentId: anyTag(spans, 'deployment-id'),
    application: anyTag(spans, 'application-id'),
    project: identityOf(trace, 'project-id'),
    piped: identityOf(trace, 'piped-id'),
    startedAt: new Date(startUs / 1000).toISOString(),
    durationMs: Math.max(0, endUs - startUs) / 1000,
    outcome: root === undefined ? 'running' : isFailed(root) ? 'failed' : 'success',
    result,
    spans: spans.length,
  };
}

/** From the resource, where the gateway stamps it; several values are all said. */
export function identityOf({ spans, processes }: JaegerTrace, key: string): string {
  const used = new Set(spans.map(span => span.processID));
  const values = Object.entries(processes).flatMap(([id, { tags }]) =>
    used.has(id) ? tags.filter(tag => tag.key === key).map(tag => String(tag.value)) : [],
  );
  return [...new Set(values)].join(' | ');
}

export function isFailed(span: JaegerSpan): boolean {
  return span.tags.some(({ key, value }) => key === 'error' && (value === true || value === 'true'));
}

export function textTag(span: JaegerSpan, key: string): string {
  const found = span.tags.find(tag => tag.key === key);
  return found === undefined ? '' : String(found.value);
}

export function parentOf({ references }: JaegerSpan, traceId: string): string | undefined {
  return references.find(({ refType, traceID }) => refType === 'CHILD_OF' && traceID === traceId)?.spanID;
}

function anyTag(spans: readonly JaegerSpan[], key: string): string {
  for (const span of spans) {
    const text = textTag(span, key);
    if (text !== '') return text;
  }
  return '';
}

function lastToEnd(spans: readonly JaegerSpan[]): JaegerSpan | undefined {
  const endOf = ({ startTime, duration }: JaegerSpan) => startTime + duration;
  return [...spans].sort((a, b) => endOf(b) - endOf(a))[0];
}

function least(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), values[0] ?? 0);
}

function greatest(values: readonly number[]): number {
  return values.reduce((greatest, value) => Math.max(greatest, value), values[0] ?? 0);
}

import { type DeploymentTimes, deploymentTimes } from '@spanpass/control-plane/traces';
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
  readonly outcome: DeploymentTimes<JaegerSpan>['outcome'];
  /** As the root span says: `success`, `failure`, `timeout`, `cancellation`, … */
  readonly result: string;
  readonly spans: number;
}

export function summaryOf(trace: JaegerTrace): DeploymentSummary {
  const { spans } = trace;
  const { root, startUs, endUs, outcome } = deploymentTimes(trace.traceID, spans);
  const result = root ? textTag(root, 'cicd.pipeline.result') : '';
  return {
    traceId: trace.traceID,
    deploymentId: anyTag(spans, 'deployment-id'),
    application: anyTag(spans, 'application-id'),
    project: identityOf(trace, 'project-id'),
    piped: identityOf(trace, 'piped-id'),
    startedAt: new Date(startUs / 1000).toISOString(),
    durationMs: (endUs - startUs) / 1000,
    outcome,
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

export function textTag(span: JaegerSpan, key: string): string {
  const found = span.tags.find(tag => tag.key === key);
  return found === undefined ? '' : String(found.value);
}

function anyTag(spans: readonly JaegerSpan[], key: string): string {
  for (const span of spans) {
    const text = textTag(span, key);
    if (text !== '') return text;
  }
  return '';
}

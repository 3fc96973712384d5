import type { Projects } from '../tokens/token-book.ts';
import type { Deployment, Trace, TraceSpan } from '../wire/traces.ts';
import type { JaegerSpan, JaegerTrace } from './jaeger.ts';
import { deploymentTimes, isFailed, parentOf } from './summary.ts';

const MAX_SPANS = 2000;
const MAX_TEXT = 512;

/**
 * What of a trace is of projects within reach, by what the gateway stamped on each span's resource: a trace id follows
 * from a deployment's, so anybody may add spans of his own to it. Nothing if there is none.
 */
export function traceWithin({ traceID, spans, processes }: JaegerTrace, reach: Projects): Trace | undefined {
  const identity = (span: JaegerSpan, key: string) => text(processes[span.processID]?.tags, key);
  const own = spans
    .filter(span => reach === 'all' || reach.includes(identity(span, 'project-id')))
    .sort((a, b) => a.startTime - b.startTime)
    .slice(0, MAX_SPANS);
  const [first] = own;
  if (first === undefined) return undefined;
  const { root, startUs, endUs, outcome } = deploymentTimes(traceID, own);
  const main = root ?? first;
  const deployment: Deployment = {
    traceId: traceID,
    name: main.operationName.slice(0, MAX_TEXT),
    project: identity(main, 'project-id'),
    piped: identity(main, 'piped-id'),
    version: identity(main, 'service.version'),
    deploymentId: text(main.tags, 'deployment-id'),
    application: text(main.tags, 'application-id'),
    startedAtMs: startUs / 1000,
    durationMs: (endUs - startUs) / 1000,
    outcome,
    spans: own.length,
  };
  return { deployment, spans: own.map(span => spanOf(span, traceID)) };
}

function spanOf(span: JaegerSpan, traceId: string): TraceSpan {
  const parentSpanId = parentOf(span, traceId);
  return {
    spanId: span.spanID,
    ...(parentSpanId !== undefined && { parentSpanId }),
    name: span.operationName.slice(0, MAX_TEXT),
    startedAtMs: span.startTime / 1000,
    durationMs: span.duration / 1000,
    failed: isFailed(span),
    attributes: Object.fromEntries(span.tags.map(({ key }) => [key, text(span.tags, key)])),
  };
}

function text(tags: JaegerSpan['tags'] | undefined, key: string): string {
  const value = tags?.find(tag => tag.key === key)?.value;
  return value === undefined ? '' : String(value).slice(0, MAX_TEXT);
}

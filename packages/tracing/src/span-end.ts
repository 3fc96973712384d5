import type { Span, TimeInput } from '@opentelemetry/api';
import { SpanStatusCode } from '@opentelemetry/api';
import { CONVENTION, EVENT, OWN } from './names.ts';
import { type Ending, OUTCOMES } from './outcome.ts';
import { message, type Thrown } from './text.ts';

/** Stands for an error class where there is none, as the conventions say. */
const NO_ERROR_CLASS = '_OTHER';

export interface SpanEnd {
  readonly ending: Ending;
  /** Which of the conventions' results the span carries; a step carries none. */
  readonly of: 'deployment' | 'task' | 'step';
  readonly at: TimeInput | undefined;
  readonly exception?: Thrown | undefined;
  readonly errorType?: string | undefined;
}

/**
 * Writes to a span how its work really ended, and ends it. OpenTelemetry drops the text of a status that is not an
 * error, so the reason is an attribute too.
 */
export function endSpan(span: Span, { ending, of, at, exception, errorType }: SpanEnd): void {
  if (ending.kind === 'interrupted') {
    span.addEvent(EVENT.interrupted, { [OWN.reason]: message(ending.reason) }, at);
    span.end(at);
    return;
  }
  const { result, deploymentStatus, statusCode } = OUTCOMES[ending.outcome];
  if (exception) span.recordException(exception, at);
  if (of === 'deployment') {
    span.setAttribute(CONVENTION.pipelineResult, result);
    if (deploymentStatus) span.setAttribute(CONVENTION.deploymentStatus, deploymentStatus);
  }
  if (of === 'task') span.setAttribute(CONVENTION.taskRunResult, result);
  if (ending.outcome === 'failure' || ending.outcome === 'error') {
    span.setAttribute(CONVENTION.errorType, errorType ?? exception?.name ?? NO_ERROR_CLASS);
  }
  const reason = ending.reason === undefined ? undefined : message(ending.reason);
  if (reason !== undefined) span.setAttribute(OWN.reason, reason);
  if (statusCode !== SpanStatusCode.UNSET) {
    span.setStatus({ code: statusCode, ...(reason === undefined ? {} : { message: reason }) });
  }
  span.end(at);
}

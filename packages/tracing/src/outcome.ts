import { SpanStatusCode } from '@opentelemetry/api';

/** How a deployment, a plan, a stage or a step ended. `error` is the piped's own fault, `failure` is the rollout's. */
export type Outcome = 'success' | 'failure' | 'error' | 'timed-out' | 'cancelled' | 'skipped';

/** An end as it is written to a span; an interrupted piece of work has not ended, it only stopped here. */
export type Ending =
  | { readonly kind: 'ended'; readonly outcome: Outcome; readonly reason?: string | undefined }
  | { readonly kind: 'interrupted'; readonly reason: string };

/** All that is known of an outcome. */
interface OutcomeFacts {
  /** Value of `cicd.pipeline.result` and `cicd.pipeline.task.run.result`. */
  readonly result: string;
  /** Value of `deployment.status`, where the conventions have one. */
  readonly deploymentStatus: 'succeeded' | 'failed' | undefined;
  readonly statusCode: SpanStatusCode;
  /** How the deployment's reason speaks of a stage that ended so. */
  readonly verb: string;
}

export const OUTCOMES: Readonly<Record<Outcome, OutcomeFacts>> = Object.freeze({
  success: facts('success', 'succeeded', SpanStatusCode.OK, 'succeeded'),
  failure: facts('failure', 'failed', SpanStatusCode.ERROR, 'failed'),
  error: facts('error', 'failed', SpanStatusCode.ERROR, 'broke'),
  'timed-out': facts('timeout', 'failed', SpanStatusCode.ERROR, 'timed out'),
  cancelled: facts('cancellation', undefined, SpanStatusCode.ERROR, 'was cancelled'),
  skipped: facts('skip', undefined, SpanStatusCode.UNSET, 'was skipped'),
});

export function isBad(outcome: Outcome): boolean {
  return OUTCOMES[outcome].statusCode === SpanStatusCode.ERROR;
}

/** @throws TypeError for a word that is no outcome: a misspelt one must not pass for a success. */
export function checkedOutcome(outcome: Outcome): Outcome {
  if (!Object.hasOwn(OUTCOMES, outcome)) {
    throw new TypeError(`an outcome is one of ${Object.keys(OUTCOMES).join(', ')}, not ${JSON.stringify(outcome)}`);
  }
  return outcome;
}

function facts(
  result: string,
  deploymentStatus: OutcomeFacts['deploymentStatus'],
  statusCode: SpanStatusCode,
  verb: string,
): OutcomeFacts {
  return Object.freeze({ result, deploymentStatus, statusCode, verb });
}

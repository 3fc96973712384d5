import type { Attributes, Meter } from '@opentelemetry/api';
import { CONVENTION, METRIC, TAG } from './names.ts';
import { OUTCOMES, type Outcome } from './outcome.ts';

/** Names of few values each, since every combination is a time series: never an id of a deployment. */
export interface DurationOf {
  readonly pipeline: string;
  readonly applicationKind: string;
  readonly outcome: Outcome;
}

export interface Durations {
  deployment(ms: number, of: DurationOf): void;
  stage(ms: number, of: DurationOf & { readonly stageName: string }): void;
}

/** Seconds. Deployments take minutes, so the SDK's default buckets, made for requests, would hold nothing. */
const BOUNDARIES = [0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400];

export function durationsWith(meter: Meter | undefined): Durations {
  if (!meter) return { deployment: () => {}, stage: () => {} };
  const advice = { explicitBucketBoundaries: BOUNDARIES };
  const run = meter.createHistogram(METRIC.runDuration, { unit: 's', description: 'Duration of a deployment', advice });
  const stage = meter.createHistogram(METRIC.stageDuration, { unit: 's', description: 'Duration of a stage', advice });
  return {
    deployment: (ms, of) =>
      run.record(seconds(ms), {
        ...common(of),
        [CONVENTION.pipelineRunState]: 'executing',
        [CONVENTION.pipelineResult]: OUTCOMES[of.outcome].result,
      }),
    stage: (ms, of) =>
      stage.record(seconds(ms), {
        ...common(of),
        [TAG.stageName]: of.stageName,
        [CONVENTION.taskRunResult]: OUTCOMES[of.outcome].result,
      }),
  };
}

function common({ pipeline, applicationKind }: DurationOf): Attributes {
  return { [CONVENTION.pipelineName]: pipeline, [TAG.applicationKind]: applicationKind };
}

function seconds(ms: number): number {
  return Math.max(0, ms) / 1000;
}

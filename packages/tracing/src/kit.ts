import type { TraceFlags, Tracer } from '@opentelemetry/api';
import type { ActiveContext } from './active-context.ts';
import type { DeploymentInfo } from './api.ts';
import type { DeploymentIdGenerator } from './id-generator.ts';
import type { Journal } from './journal/journal.ts';
import type { Durations } from './metrics.ts';

/** What all deployments of one tracing share. */
export interface Kit {
  readonly tracer: Tracer;
  readonly ids: DeploymentIdGenerator;
  readonly active: ActiveContext;
  readonly durations: Durations;
  readonly journal: Journal | undefined;
  /** For spans: undefined leaves the time to the SDK. */
  readonly time: () => Date | undefined;
  /** For durations, in milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Whether spans of a deployment whose root is held elsewhere are sampled. */
  readonly flagsOf: (deployment: DeploymentInfo) => TraceFlags;
}

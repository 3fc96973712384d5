export type {
  ApprovalDetails,
  Deployment,
  DeploymentInfo,
  DeploymentTracing,
  DeploymentTracingOptions,
  InterruptedDeployment,
  JoinedDeployment,
  JournalOptions,
  StageInfo,
  Work,
  WorkOptions,
} from './api.ts';
export { CancelledError, InterruptedError } from './endings.ts';
export { DeploymentIdGenerator } from './id-generator.ts';
export { rootSpanIdOf, traceIdOf } from './ids.ts';
export type { Outcome } from './outcome.ts';
export { createDeploymentTracing } from './tracing.ts';

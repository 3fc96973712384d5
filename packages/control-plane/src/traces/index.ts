export { type DeploymentTimes, deploymentTimes, isFailed, parentOf, type TraceSpanLike } from './summary.ts';

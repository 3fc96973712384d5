export { createLogger } from './http/logging.ts';
export { createMetrics as createControlPlaneMetrics, type Metrics as ControlPlaneMetrics } from './http/metrics.ts';
export { type Moved, type MoveOptions, moveDatabase } from './moving/move.ts';
export { type RestoreOptions, type SettledRestore, settleRestore } from './moving/settle-restore.ts';
export type { ChangeFeedTuning, ControlPlaneOptions, ListenerTls } from './options.ts';
export { PROBLEMS, type ProblemCode } from './problems/problems.ts';
export { ControlPlaneStartError, type StartErrorCode } from './problems/start-error.ts';
export { type ControlPlane, startControlPlane } from './start.ts';

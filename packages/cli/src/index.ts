export {
  type CollectorOptions,
  collectorConfig,
  type EnvoyOptions,
  envoyConfig,
  gatewayDefaults,
  type NginxOptions,
  nginxConfig,
} from './gateway-config/index.ts';
export { gatewayAuthenticator } from './receiver/gateway-authenticator.ts';
export type { Accepted, Outcome, Refused } from './receiver/outcome.ts';
export type { PipelineOptions, Sink } from './receiver/pipeline.ts';
export { type Receiver, type ReceiverOptions, startReceiver } from './receiver/receiver.ts';
export type { Identity } from './receiver/stamp.ts';
export { type StoredSpan, type StoredTrace, TraceStore, type TraceStoreLimits } from './receiver/trace-store.ts';
export { createSidecarMetrics } from './sidecar/metrics.ts';

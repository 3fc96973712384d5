export type TappedSignal = 'traces' | 'metrics' | 'logs';

/** https://opentelemetry.io/docs/specs/otlp/: where each signal goes. */
export const SIGNALS_ON_THE_WIRE = (
  [
    ['traces', 'trace', 'TraceService'],
    ['metrics', 'metrics', 'MetricsService'],
    ['logs', 'logs', 'LogsService'],
  ] as const
).map(([signal, folder, service]) => ({
  signal: signal as TappedSignal,
  grpcPath: `/opentelemetry.proto.collector.${folder}.v1.${service}/Export`,
  httpPath: `/v1/${signal}`,
}));

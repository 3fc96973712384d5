/** What a record holds: an OTLP export request of one of these signals, in protobuf. */
export type SignalKind = 'traces' | 'metrics' | 'logs';

export interface Signal {
  /** Written into segment headers: never change one. */
  readonly code: number;
  readonly grpcPath: string;
  readonly httpPath: string;
  /** What its requests hold, in the plural. */
  readonly items: string;
}

/** https://opentelemetry.io/docs/specs/otlp/: service names of OTLP/gRPC, default paths of OTLP/HTTP. */
export const SIGNALS: Readonly<Record<SignalKind, Signal>> = Object.freeze({
  traces: signal(1, 'trace', 'TraceService', '/v1/traces', 'spans'),
  metrics: signal(2, 'metrics', 'MetricsService', '/v1/metrics', 'data points'),
  logs: signal(3, 'logs', 'LogsService', '/v1/logs', 'log records'),
});

export const SIGNAL_KINDS: readonly SignalKind[] = Object.freeze(Object.keys(SIGNALS) as SignalKind[]);

export function isSignalKind(value: unknown): value is SignalKind {
  return typeof value === 'string' && Object.hasOwn(SIGNALS, value);
}

function signal(code: number, folder: string, service: string, httpPath: string, items: string): Signal {
  const grpcPath = `/opentelemetry.proto.collector.${folder}.v1.${service}/Export`;
  return Object.freeze({ code, grpcPath, httpPath, items });
}

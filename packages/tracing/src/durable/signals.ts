/** What a record holds: an OTLP export request of one of these signals, in protobuf. */
export type SignalKind = 'traces' | 'metrics' | 'logs' | 'profiles';

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
  traces: signal(1, 'trace.v1.TraceService', '/v1/traces', 'spans'),
  metrics: signal(2, 'metrics.v1.MetricsService', '/v1/metrics', 'data points'),
  logs: signal(3, 'logs.v1.LogsService', '/v1/logs', 'log records'),
  profiles: signal(4, 'profiles.v1development.ProfilesService', '/v1development/profiles', 'profiles'),
});

export const SIGNAL_KINDS: readonly SignalKind[] = Object.freeze(Object.keys(SIGNALS) as SignalKind[]);

export function isSignalKind(value: unknown): value is SignalKind {
  return typeof value === 'string' && Object.hasOwn(SIGNALS, value);
}

function signal(code: number, service: string, httpPath: string, items: string): Signal {
  const grpcPath = `/opentelemetry.proto.collector.${service}/Export`;
  return Object.freeze({ code, grpcPath, httpPath, items });
}

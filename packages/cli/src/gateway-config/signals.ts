/** What OTLP carries, and where: gRPC method and HTTP path, from opentelemetry-proto's services and the OTLP specification. */
export const signals = [
  {
    name: 'traces',
    grpcPath: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
    httpPath: '/v1/traces',
  },
  {
    name: 'metrics',
    grpcPath: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
    httpPath: '/v1/metrics',
  },
  {
    name: 'logs',
    grpcPath: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
    httpPath: '/v1/logs',
  },
  {
    name: 'profiles',
    grpcPath: '/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export',
    httpPath: '/v1development/profiles',
  },
] as const;

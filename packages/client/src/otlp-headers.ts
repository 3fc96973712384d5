const OTLP_SERVICE = /\/opentelemetry\.proto\.collector\.(trace|metrics|logs)\.v1\.\w+$/;
const VARIABLES = {
  trace: ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'],
  metrics: ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_METRICS_HEADERS'],
  logs: ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_LOGS_HEADERS'],
} as const;
const explained = new Set<string>();

/**
 * The stock gRPC exporters add these variables to their metadata, and grpc-js answers a second `authorization` with
 * `13 INTERNAL: "authorization" metadata cannot have multiple values`, which nobody understands. Call credentials
 * can't see the metadata, and other clients of the same service don't read the variables: so this warns, once for each,
 * and refuses nothing.
 */
export function explainOtlpHeaders(serviceUrl: string, environment: NodeJS.ProcessEnv = process.env): void {
  const signal = OTLP_SERVICE.exec(serviceUrl)?.[1] as keyof typeof VARIABLES | undefined;
  for (const variable of signal ? VARIABLES[signal] : []) {
    if (explained.has(variable) || !namesAuthorization(environment[variable])) continue;
    explained.add(variable);
    process.emitWarning(
      `${variable} sets authorization, and so does spanpass. An OTLP/gRPC exporter that reads it fails with ` +
        `'13 INTERNAL: "authorization" metadata cannot have multiple values': take authorization out of ${variable}`,
      { type: 'SpanpassWarning', code: 'SPANPASS_AUTHORIZATION_TWICE' },
    );
  }
}

function namesAuthorization(headers = ''): boolean {
  return headers.split(',').some(pair => /^\s*authorization\s*=/i.test(pair));
}

import type { TracerProvider } from '@opentelemetry/api';
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Logger } from 'pino';
import { wrongUsage } from '../failure.ts';
import type { AuthServerSettings } from '../settings/auth-server.ts';
import { toldOfFailures } from './told-of-failures.ts';

export interface Traces extends AsyncDisposable {
  readonly tracerProvider: TracerProvider;
}

type TraceSettings = Pick<AuthServerSettings, 'tracesEndpoint' | 'tracesSampleRatio'>;
type Protocol = 'grpc' | 'http/protobuf';

/**
 * Sends the spans of checks over OTLP, if the settings or OpenTelemetry's own variables name an endpoint. The variables
 * for headers, TLS, time-outs, batches, sampling and the resource count as the OpenTelemetry specification says. Dispose
 * it after the server: it sends what is left.
 *
 * @returns nothing where no spans are wanted
 * @throws Failure for a protocol that is not spoken
 */
export async function openTraces(
  settings: TraceSettings,
  env: NodeJS.ProcessEnv,
  logger: Logger,
): Promise<Traces | undefined> {
  const endpoint = settings.tracesEndpoint;
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER === 'none') return undefined;
  if (!(endpoint ?? (env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT))) return undefined;
  const exporter = toldOfFailures(await exporterFor(protocolOf(env), endpoint), logger);
  const { BasicTracerProvider, BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler } = await import(
    '@opentelemetry/sdk-trace-base'
  );
  const ratio = settings.tracesSampleRatio;
  const tracerProvider = new BasicTracerProvider({
    resource: await resource(),
    spanProcessors: [new BatchSpanProcessor(exporter)],
    ...(ratio !== undefined && { sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }) }),
  });
  return { tracerProvider, [Symbol.asyncDispose]: () => tracerProvider.shutdown().catch(() => {}) };
}

function protocolOf(env: NodeJS.ProcessEnv): Protocol {
  const protocol = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || env.OTEL_EXPORTER_OTLP_PROTOCOL || 'http/protobuf';
  if (protocol === 'grpc' || protocol === 'http/protobuf') return protocol;
  throw wrongUsage('OTEL_EXPORTER_OTLP_PROTOCOL: spans of checks are sent as grpc or http/protobuf');
}

async function exporterFor(protocol: Protocol, endpoint: string | undefined): Promise<SpanExporter> {
  if (protocol === 'grpc') {
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-grpc');
    return new OTLPTraceExporter(endpoint === undefined ? {} : { url: endpoint });
  }
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter(endpoint === undefined ? {} : { url: `${endpoint.replace(/\/$/, '')}/v1/traces` });
}

/** `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win over the name that it has by itself. */
async function resource() {
  const { detectResources, envDetector, resourceFromAttributes } = await import('@opentelemetry/resources');
  const own = resourceFromAttributes({ 'service.name': 'spanpass-server' });
  return own.merge(detectResources({ detectors: [envDetector] }));
}

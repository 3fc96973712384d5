import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';

type ExportResult = Parameters<Parameters<SpanExporter['export']>[1]>[0];

/** Exports one real span and returns what the exporter says of it: `code` 0 for success. */
export async function exportSpan(exporter: SpanExporter): Promise<ExportResult> {
  const memory = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
  provider.getTracer('test').startSpan('Deploy').end();
  await provider.forceFlush();
  const spans = memory.getFinishedSpans();
  return new Promise(resolve => exporter.export(spans, resolve));
}

import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';

/** How one export ended, as the exporter reports it: 'accepted', or the error of its transport. */
export type Exported = 'accepted' | (Error & { readonly code?: number });

/** Sends one span through a stock exporter, one try of the SDK's, and gives its outcome. */
export async function exportSpan(
  exporter: SpanExporter,
  name: string,
  resource: Readonly<Record<string, string>> = {},
): Promise<Exported> {
  const memory = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'piped', ...resource }),
    spanProcessors: [new SimpleSpanProcessor(memory)],
  });
  provider.getTracer('end-to-end').startSpan(name).end();
  await provider.forceFlush();
  return new Promise(resolve => {
    exporter.export(memory.getFinishedSpans(), result => {
      resolve(result.code === 0 ? 'accepted' : (result.error ?? new Error('the exporter gave no error')));
    });
  });
}

/**
 * Exports one span so many times through the stock exporter for OTLP/gRPC, with a credential of `@spanpass/client`, or
 * with an authorization that never changes. Prints an ExportResult.
 */
import { Metadata } from '@grpc/grpc-js';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { createClient } from '@spanpass/client';

export interface ExportResult {
  readonly perSecond: number;
  readonly cpuMicros: number;
}

const [, , mode, port, exports, keyFile = ''] = process.argv;
const LANES = 16;
const url = `http://127.0.0.1:${port}`;

const memory = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
provider.getTracer('bench').startSpan('Deploy').end();
await provider.forceFlush();
const spans = memory.getFinishedSpans();

const exporter = mode === 'static' ? withStaticMetadata() : withCredential();
await exportAll(Math.ceil(Number(exports) / 4));
const before = process.cpuUsage();
const startedAt = performance.now();
await exportAll(Number(exports));
const seconds = (performance.now() - startedAt) / 1000;
const { user, system } = process.cpuUsage(before);
const result: ExportResult = { perSecond: Number(exports) / seconds, cpuMicros: (user + system) / Number(exports) };
process.stdout.write(JSON.stringify(result), () => process.exit(0));

async function exportAll(count: number): Promise<void> {
  let left = count;
  await Promise.all(
    Array.from({ length: LANES }, async () => {
      while (left-- > 0) await exportOnce();
    }),
  );
}

function exportOnce(): Promise<void> {
  return new Promise((resolve, reject) => {
    exporter.export(spans, ({ code, error }) => (code === 0 ? resolve() : reject(error ?? new Error('not exported'))));
  });
}

/** As long as a credential, and sent like one. */
function withStaticMetadata(): OTLPTraceExporter {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${'x'.repeat(405)}`);
  return new OTLPTraceExporter({ url, metadata });
}

function withCredential(): OTLPTraceExporter {
  const pass = createClient({ keyFile, renewal: false });
  return new OTLPTraceExporter({ url, credentials: pass.credentialsFor(url) });
}

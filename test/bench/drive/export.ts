/**
 * Exports one span many times through the stock exporter for OTLP/gRPC, with a credential of `@spanpass/client` and with an
 * authorization that never changes: a few by the one, a few by the other, in one process, so that whatever else the machine
 * does is shared out between them. Prints an ExportResult.
 */
import { Metadata } from '@grpc/grpc-js';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { createClient } from '@spanpass/client';

export type Way = 'static' | 'credential';

export interface Cost {
  readonly perSecond: number;
  readonly cpuMicros: number;
}

/** `attachMicros`: what of it is spent on getting a credential from the client, and into a call's metadata. */
export interface ExportResult extends Readonly<Record<Way, Cost>> {
  readonly credential: Cost & { readonly attachMicros: number };
}

const [, , port, exports, keyFile = ''] = process.argv;
const LANES = 16;
const SLICE = 250;
const url = `http://127.0.0.1:${port}`;

const memory = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
provider.getTracer('bench').startSpan('Deploy').end();
await provider.forceFlush();
const spans = memory.getFinishedSpans();

const pass = createClient({ keyFile, renewal: false });
const exporters: Readonly<Record<Way, OTLPTraceExporter>> = {
  static: withStaticMetadata(),
  credential: new OTLPTraceExporter({ url, credentials: pass.credentialsFor(url) }),
};
const slices = Math.ceil(Number(exports) / SLICE);
await inTurns(Math.ceil(slices / 4));
const spent = await inTurns(slices);
await attach(20_000);
const result: ExportResult = {
  static: perExport(spent.static),
  credential: { ...perExport(spent.credential), attachMicros: await attach(100_000) },
};
process.stdout.write(JSON.stringify(result), () => process.exit(0));

interface Spent {
  cpuMicros: number;
  ms: number;
}

/** So many slices of each; who was second begins the next time. */
async function inTurns(count: number): Promise<Record<Way, Spent>> {
  const spent = { static: { cpuMicros: 0, ms: 0 }, credential: { cpuMicros: 0, ms: 0 } };
  for (let at = 0; at < count; at++) {
    const order: readonly Way[] = at % 2 === 0 ? ['static', 'credential'] : ['credential', 'static'];
    for (const way of order) {
      const before = process.cpuUsage();
      const startedAt = performance.now();
      await exportAll(exporters[way], SLICE);
      const { user, system } = process.cpuUsage(before);
      spent[way].ms += performance.now() - startedAt;
      spent[way].cpuMicros += user + system;
    }
  }
  return spent;
}

function perExport({ cpuMicros, ms }: Spent) {
  const count = slices * SLICE;
  return { perSecond: (count * 1000) / ms, cpuMicros: cpuMicros / count };
}

async function exportAll(exporter: OTLPTraceExporter, count: number): Promise<void> {
  let left = count;
  await Promise.all(
    Array.from({ length: LANES }, async () => {
      while (left-- > 0) await exportOnce(exporter);
    }),
  );
}

function exportOnce(exporter: OTLPTraceExporter): Promise<void> {
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

/** As grpc-js does it for each call. */
async function attach(times: number): Promise<number> {
  const own = pass.callCredentials();
  const call = { method_name: 'Export', service_url: `${url}/opentelemetry.proto.collector.trace.v1.TraceService` };
  const before = process.cpuUsage();
  for (let at = 0; at < times; at++) new Metadata().merge(await own.generateMetadata(call));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}

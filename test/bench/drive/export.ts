/**
 * Exports one span many times through the stock exporter for OTLP/gRPC, with a credential of `@spanpass/client` and with an
 * authorization that never changes: a few by the one, a few by the other, in one process, so that whatever else the machine
 * does is shared out between them. Prints an ExportResult.
 */
import { Metadata } from '@grpc/grpc-js';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { createClient } from '@spanpass/client';
import { quantile } from '../measure/statistics.ts';

export type Way = 'static' | 'credential';

export interface Cost {
  readonly perSecond: number;
  readonly cpuMicros: number;
}

export interface ExportResult extends Readonly<Record<Way, Cost>> {
  readonly credential: Cost & {
    /** Beside the slice of the other way that was measured next to it, by the median pair. */
    readonly perSecondShare: number;
    readonly cpuShare: number;
    /** What of it is spent on getting a credential from the client, and into a call's metadata. */
    readonly attachMicros: number;
  };
}

const [, , port, exports, keyFile = ''] = process.argv;
/** So many at a time as the exporter takes: what the server's answers take is no part of the cost. */
const LANES = 28;
const SLICE = 280;
const url = `http://127.0.0.1:${port}`;

const memory = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
provider.getTracer('bench').startSpan('Deploy').end();
await provider.forceFlush();
const spans = memory.getFinishedSpans();

const pass = createClient({ keyFile, renewal: false });
const exporters: Readonly<Record<Way, OTLPTraceExporter>> = {
  static: await withStaticMetadata(),
  credential: new OTLPTraceExporter({ url, credentials: pass.credentialsFor(url) }),
};
const slices = Math.ceil(Number(exports) / SLICE);
await inTurns(Math.ceil(slices / 4));
const spent = await inTurns(slices);
await attach(20_000);
const result: ExportResult = {
  static: perExport(spent.static),
  credential: {
    ...perExport(spent.credential),
    perSecondShare: share('perSecond'),
    cpuShare: share('cpuMicros'),
    attachMicros: await attach(100_000),
  },
};
process.stdout.write(JSON.stringify(result), () => process.exit(0));

/** Of each slice: µs of processor time for an export, and exports in a second. */
interface Spent {
  readonly cpuMicros: number[];
  readonly perSecond: number[];
}

/** So many slices of each; who was second begins the next time. */
async function inTurns(count: number): Promise<Record<Way, Spent>> {
  const spent = { static: none(), credential: none() };
  for (let at = 0; at < count; at++) {
    const order: readonly Way[] = at % 2 === 0 ? ['static', 'credential'] : ['credential', 'static'];
    for (const way of order) {
      const before = process.cpuUsage();
      const startedAt = performance.now();
      await exportAll(exporters[way], SLICE);
      const { user, system } = process.cpuUsage(before);
      spent[way].perSecond.push((SLICE * 1000) / (performance.now() - startedAt));
      spent[way].cpuMicros.push((user + system) / SLICE);
    }
  }
  return spent;
}

function none(): Spent {
  return { cpuMicros: [], perSecond: [] };
}

/** By the median slice: one that is interrupted by somebody else's work tells more of that than of its exports. */
function perExport({ cpuMicros, perSecond }: Spent): Cost {
  return { perSecond: quantile(perSecond, 0.5), cpuMicros: quantile(cpuMicros, 0.5) };
}

function share(figure: keyof Spent): number {
  const pairs = spent.credential[figure].map((one, at) => one / (spent.static[figure][at] ?? Number.NaN));
  return quantile(pairs, 0.5);
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

/** A credential too, so that what goes over the wire is alike, but one that never changes. */
async function withStaticMetadata(): Promise<OTLPTraceExporter> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(await pass.headers())) metadata.set(name, value);
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

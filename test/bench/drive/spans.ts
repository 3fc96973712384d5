/**
 * Ends so many spans of a deployment, as its stages do, and waits until all of them have left: without an exporter, through the
 * stock batch processor and exporter, through the spool on disk and its sender, or the spool alone. Prints a SpansResult.
 */
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { createDurableExport, Spool } from '@spanpass/tracing/durable';
import { tracesRequest } from '../../harness/otlp.ts';

export interface SpansResult {
  readonly perSecond: number;
  readonly cpuMicros: number;
  readonly fsyncs: number;
}

const BATCH = 512;
const [, , mode = '', port, spans, folder = ''] = process.argv;
const count = Number(spans);
const url = `http://127.0.0.1:${port}`;
/** How long what has ended may take to leave. */
const LEAVE_MS = 120_000;

const ways: Readonly<Record<string, () => Promise<number>>> = { none, stock, durable, spool };
const way = ways[mode];
if (way === undefined) throw new Error(`there is no way ${mode}`);
const before = process.cpuUsage();
const startedAt = performance.now();
const fsyncs = await way();
const seconds = (performance.now() - startedAt) / 1000;
const { user, system } = process.cpuUsage(before);
const result: SpansResult = { perSecond: count / seconds, cpuMicros: (user + system) / count, fsyncs };
process.stdout.write(JSON.stringify(result), () => process.exit(0));

async function none(): Promise<number> {
  await endSpans({ onStart() {}, onEnd() {}, async forceFlush() {}, async shutdown() {} });
  return 0;
}

/** With a queue that holds all, and leave to send all of it at once at the end, so that it loses none. */
async function stock(): Promise<number> {
  const options = { maxQueueSize: count, maxExportBatchSize: BATCH, exportTimeoutMillis: LEAVE_MS };
  await endSpans(new BatchSpanProcessor(new OTLPTraceExporter({ url, concurrencyLimit: count }), options));
  return 0;
}

async function durable(): Promise<number> {
  const way = createDurableExport({
    endpoint: url,
    maxBatchRecords: BATCH,
    spool: { folder },
    flushTimeoutMs: LEAVE_MS,
    env: {},
  });
  await endSpans(way.spanProcessor);
  const { pending, sent, fsyncs } = way.stats();
  await way.shutdown();
  if (pending.items !== 0 || sent.items !== count) throw new Error(`${sent.items} of ${count} spans were sent`);
  return fsyncs;
}

/** What one span is, encoded before the clock starts to run; taken in batches as a sender takes them. */
async function spool(): Promise<number> {
  const payload = Buffer.from(tracesRequest('K8S_CANARY_ROLLOUT'));
  const disk = new Spool({ folder });
  for (let at = 1; at <= count; at++) {
    if (disk.append('traces', payload).kind !== 'stored') throw new Error(`span ${at} was not stored`);
    if (at % BATCH === 0) await takeOne(disk);
  }
  while (disk.pending('traces').records > 0) await takeOne(disk);
  await disk.flush();
  const { fsyncs } = disk.stats();
  await disk.close();
  return fsyncs;
}

async function takeOne(disk: Spool): Promise<void> {
  const batch = await disk.take('traces', { maxRecords: BATCH, maxBytes: 4 * 1024 * 1024 });
  if (batch === undefined) return;
  batch.acknowledge(batch.records.length);
  await batch.release();
}

async function endSpans(processor: SpanProcessor): Promise<void> {
  const resource = resourceFromAttributes({
    'service.name': 'piped',
    'service.namespace': 'shop',
    'service.instance.id': 'edge-1',
    'project-id': 'shop',
    'piped-id': 'edge-1',
  });
  const tracer = new BasicTracerProvider({ resource, spanProcessors: [processor] }).getTracer('bench');
  for (let at = 1; at <= count; at++) {
    const attributes = {
      'application-id': 'checkout',
      'application-kind': 'KUBERNETES',
      'deployment-id': `deployment-${at >> 3}`,
      'stage-id': `s-${at & 7}`,
      'stage-name': 'K8S_CANARY_ROLLOUT',
    };
    tracer.startSpan('K8S_CANARY_ROLLOUT', { attributes }).end();
    // Spans end one by one in a piped: what sends them has its turn in between.
    if (at % BATCH === 0) await new Promise(resolve => setImmediate(resolve));
  }
  await processor.forceFlush();
}

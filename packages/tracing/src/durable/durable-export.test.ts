import { ROOT_CONTEXT, type Tracer } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOffSampler, BasicTracerProvider, type Sampler, SamplingDecision } from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { summaryOf } from './dead-letters/summary.ts';
import { createDurableExport, type DurableExport } from './durable-export.ts';
import type { DurableExportOptions } from './durable-export-options.ts';
import { GrpcReceiver } from './testing/grpc-receiver.ts';
import { HttpReceiver } from './testing/http-receiver.ts';
import { RecordingLog, scratchFolder, until } from './testing/scratch.ts';

let scratch: ReturnType<typeof scratchFolder>;
let log: RecordingLog;
let durable: DurableExport | undefined;

beforeEach(() => {
  scratch = scratchFolder();
  log = new RecordingLog();
});
afterEach(async () => {
  await durable?.shutdown();
  durable = undefined;
  scratch[Symbol.dispose]();
});

function open(options: Partial<DurableExportOptions>): DurableExport {
  durable = createDurableExport({
    spool: { folder: scratch.path },
    env: {},
    log,
    shutdownTimeoutMs: 50,
    ...options,
  });
  return durable;
}

function tracerOf({ spanProcessor }: DurableExport, sampler?: Sampler): Tracer {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'piped', 'piped-id': 'edge-1' }),
    spanProcessors: [spanProcessor],
    ...(sampler && { sampler }),
  });
  return provider.getTracer('test');
}

function namesIn(payloads: readonly Buffer[]): string[] {
  return payloads.flatMap(payload => {
    const summary = summaryOf('traces', payload);
    return summary.kind === 'readable' ? summary.items.map(item => item.name) : [];
  });
}

describe('the durable export', () => {
  it('brings spans over gRPC, each with its resource', async () => {
    await using receiver = await GrpcReceiver.start();
    const { spanProcessor, stats } = open({ endpoint: `http://127.0.0.1:${receiver.port}` });
    const tracer = tracerOf({ spanProcessor } as DurableExport);
    for (const name of ['a', 'b', 'c']) tracer.startSpan(name).end();
    await spanProcessor.forceFlush();
    expect(namesIn(receiver.requests.map(({ payload }) => payload))).toEqual(['a', 'b', 'c']);
    const [request] = receiver.requests;
    expect(request && summaryOf('traces', request.payload)).toMatchObject({
      resources: Array(3).fill({ 'service.name': 'piped', 'piped-id': 'edge-1' }),
    });
    expect(stats()).toMatchObject({ appended: { items: 3 }, sent: { items: 3 }, pending: { items: 0 }, dropped: {} });
  });

  it('brings spans over HTTP, as the environment says', async () => {
    await using receiver = await HttpReceiver.start();
    const env = {
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${receiver.port}`,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=a',
    };
    const { spanProcessor } = open({ env });
    tracerOf({ spanProcessor } as DurableExport)
      .startSpan('a')
      .end();
    await spanProcessor.forceFlush();
    expect(receiver.requests).toMatchObject([{ path: '/v1/traces', headers: { 'x-tenant': 'a' } }]);
    expect(namesIn(receiver.requests.map(({ body }) => body))).toEqual(['a']);
  });

  it('options win over the environment', async () => {
    await using receiver = await HttpReceiver.start();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' };
    const { spanProcessor } = open({ env, endpoint: `http://127.0.0.1:${receiver.port}`, timeoutMs: undefined });
    tracerOf({ spanProcessor } as DurableExport)
      .startSpan('a')
      .end();
    await spanProcessor.forceFlush();
    expect(receiver.requests).toHaveLength(1);
  });

  it('sends soon without a flush', async () => {
    await using receiver = await GrpcReceiver.start();
    const export_ = open({ endpoint: `http://127.0.0.1:${receiver.port}`, lingerMs: 5 });
    tracerOf(export_).startSpan('a').end();
    await until('the span arrives', () => receiver.requests.length === 1);
  });

  it('keeps what could not be sent until the next start, and says so', async () => {
    await using receiver = await GrpcReceiver.start();
    const nobody = open({ endpoint: 'http://127.0.0.1:1' });
    tracerOf(nobody).startSpan('kept').end();
    await nobody.shutdown();
    expect(nobody.stats()).toMatchObject({ pending: { items: 1 }, state: { kind: 'stopped' } });
    expect(log.containing('1 spans stay in the spool')).toHaveLength(1);
    const next = open({ endpoint: `http://127.0.0.1:${receiver.port}`, lingerMs: 0 });
    await next.spool.keepHouse();
    await next.spanProcessor.forceFlush();
    expect(namesIn(receiver.requests.map(({ payload }) => payload))).toEqual(['kept']);
  });

  it('does not store what is not sampled, and counts what comes after the shutdown', async () => {
    const export_ = open({ endpoint: 'http://127.0.0.1:1' });
    tracerOf(export_, new AlwaysOffSampler()).startSpan('off').end();
    const recordOnly: Sampler = { shouldSample: () => ({ decision: SamplingDecision.RECORD }), toString: () => '' };
    tracerOf(export_, recordOnly).startSpan('recorded', {}, ROOT_CONTEXT).end();
    expect(export_.stats().appended.items).toBe(0);
    await export_.shutdown();
    tracerOf(export_).startSpan('late').end();
    expect(export_.stats().dropped).toEqual({ closed: 1 });
  });

  it('counts a span that can not be written as OTLP; the application goes on', () => {
    const export_ = open({ endpoint: 'http://127.0.0.1:1' });
    const span = tracerOf(export_).startSpan('bad');
    Object.defineProperty(span, 'events', {
      get: () => {
        throw new Error('bug');
      },
    });
    span.end();
    expect(export_.stats()).toMatchObject({ appended: { items: 0 }, dropped: { unserializable: 1 } });
  });

  it('leaves nothing open if an option is wrong', async () => {
    expect(() => open({ maxBatchRecords: 0 })).toThrow('maxBatchRecords');
    expect(() => open({ spool: { folder: '' } })).toThrow('folder');
    expect(() => open({ flushTimeoutMs: -1 })).toThrow('flushTimeoutMs');
  });
});

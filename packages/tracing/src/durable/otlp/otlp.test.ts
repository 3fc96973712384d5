import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { SpanKind, type Tracer } from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { summaryOf } from '../dead-letters/summary.ts';
import { partialSuccess, rpcStatus } from '../testing/protobuf.ts';
import { countItems } from './count-items.ts';
import { partialSuccessOf } from './partial-success.ts';
import { retryDelayMsOf } from './retry-info.ts';

function requestWith(make: (tracer: Tracer) => void): Uint8Array {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'piped', 'project-id': 'shop' }),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  make(provider.getTracer('test'));
  return ProtobufTraceSerializer.serializeRequest(exporter.getFinishedSpans()) ?? new Uint8Array();
}

/** Export request → resource → scope → item, each under its field. */
function nested(item: Uint8Array): Uint8Array {
  const under = (no: number, bytes: Uint8Array) =>
    new BinaryWriter().tag(no, WireType.LengthDelimited).bytes(bytes).finish();
  return under(1, under(2, under(2, item)));
}

describe('counts', () => {
  it('spans, over all requests that stand one behind the other', () => {
    const two = requestWith(tracer => {
      tracer.startSpan('a').end();
      tracer.startSpan('b').end();
    });
    expect(countItems('traces', two)).toBe(2);
    expect(countItems('traces', Buffer.concat([two, two, two]))).toBe(6);
    expect(countItems('traces', Buffer.alloc(0))).toBe(0);
  });

  it('data points, not metrics; log records', () => {
    const point = new BinaryWriter().tag(3, WireType.Bit64).fixed64(1).finish();
    const gauge = new BinaryWriter();
    for (let i = 0; i < 3; i++) gauge.tag(1, WireType.LengthDelimited).bytes(point);
    const metric = new BinaryWriter();
    metric.tag(1, WireType.LengthDelimited).string('load');
    metric.tag(5, WireType.LengthDelimited).bytes(gauge.finish());
    expect(countItems('metrics', nested(metric.finish()))).toBe(3);
    expect(countItems('logs', nested(new Uint8Array()))).toBe(1);
  });

  it('what is no message is an error', () => {
    expect(() => countItems('traces', Buffer.from([0x0a, 0x7f]))).toThrow();
  });
});

describe('a summary', () => {
  it('shows resources and spans', () => {
    const payload = requestWith(tracer => {
      tracer
        .startSpan('K8S_SYNC', {
          kind: SpanKind.SERVER,
          attributes: { text: 'x', yes: true, int: -5, double: 1.5, list: ['a'] },
        })
        .end();
    });
    expect(summaryOf('traces', payload)).toEqual({
      kind: 'readable',
      resources: [{ 'service.name': 'piped', 'project-id': 'shop' }],
      items: [
        {
          name: 'K8S_SYNC',
          traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
          spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
          attributes: { text: 'x', yes: 'true', int: '-5', double: '1.5', list: '[array]' },
        },
      ],
    });
  });

  it('shows log bodies and metric names', () => {
    const body = new BinaryWriter().tag(1, WireType.LengthDelimited).string('hello').finish();
    const record = new BinaryWriter().tag(5, WireType.LengthDelimited).bytes(body).finish();
    expect(summaryOf('logs', nested(record))).toMatchObject({ items: [{ name: 'hello' }], resources: [{}] });
    const metric = new BinaryWriter().tag(1, WireType.LengthDelimited).string('load').finish();
    expect(summaryOf('metrics', nested(metric))).toMatchObject({ items: [{ name: 'load' }] });
  });

  it('of any bytes at all is readable or says why not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        for (const kind of ['traces', 'metrics', 'logs'] as const) {
          expect(['readable', 'unreadable']).toContain(summaryOf(kind, bytes).kind);
        }
      }),
    );
  });
});

describe('answers', () => {
  it('of any bytes at all reject nothing and ask for nothing, unless they say so', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), bytes => {
        expect(partialSuccessOf(bytes).rejectedItems).toBeGreaterThanOrEqual(0);
        const delayMs = retryDelayMsOf(bytes);
        expect(delayMs === undefined || delayMs >= 0).toBe(true);
      }),
    );
  });

  it('partial success', () => {
    expect(partialSuccessOf(partialSuccess(7, 'why'))).toEqual({ rejectedItems: 7, message: 'why' });
    expect(partialSuccessOf(partialSuccess(-1, 'why'))).toEqual({ rejectedItems: 0, message: 'why' });
    expect(partialSuccessOf(Buffer.alloc(0))).toEqual({ rejectedItems: 0, message: '' });
  });

  it('RetryInfo', () => {
    expect(retryDelayMsOf(rpcStatus(14, 'x', { seconds: 1, nanos: 1_000_000 }))).toBe(1_001);
    expect(retryDelayMsOf(rpcStatus(14, 'x', { seconds: -1, nanos: 0 }))).toBe(0);
    expect(retryDelayMsOf(rpcStatus(14, 'x'))).toBeUndefined();
  });
});

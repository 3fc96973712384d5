import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  ExportLogsServiceRequestSchema,
  ExportMetricsServiceRequestSchema,
  ExportTraceServiceRequestSchema,
} from '../generated/otlp_pb.ts';
import { decodeBatch } from './batch.ts';
import { attributes, id, pairs, traceRequest } from './otlp.test.helper.ts';
import { stamp } from './stamp.ts';

const identity = { project: 'verified', piped: 'edge-1' };
const stamped = [
  ['project-id', 'verified'],
  ['piped-id', 'edge-1'],
  ['service.namespace', 'verified'],
  ['service.instance.id', 'edge-1'],
];

function stampTraces(bytes: Uint8Array, encoding: 'protobuf' | 'json' = 'protobuf') {
  const batch = decodeBatch('traces', encoding, bytes);
  stamp(batch, identity);
  return fromBinary(ExportTraceServiceRequestSchema, batch.encode());
}

describe('the stamp on a resource', () => {
  it('replaces what the sender claims, in any case and however often', () => {
    const { resourceSpans } = stampTraces(
      traceRequest([
        ['project-id', 'forged-1'],
        ['service.name', 'piped'],
        ['project-id', 'forged-2'],
        ['Project-ID', 'forged-3'],
        ['PIPED-ID', 'forged'],
        ['service.namespace', 'forged'],
        ['Service.Instance.Id', 'forged'],
        ['project-id', 'forged-4'],
      ]),
    );
    expect(pairs(resourceSpans[0]?.resource?.attributes)).toEqual([['service.name', 'piped'], ...stamped]);
  });

  it('is set where there was no resource, and on each of several', () => {
    const request = create(ExportTraceServiceRequestSchema, {
      resourceSpans: [{}, { resource: { attributes: attributes(['project-id', 'forged']) } }],
    });
    const { resourceSpans } = stampTraces(toBinary(ExportTraceServiceRequestSchema, request));
    expect(resourceSpans.map(({ resource }) => pairs(resource?.attributes))).toEqual([stamped, stamped]);
  });

  it('reaches a resource that is written twice, which readers merge', () => {
    const one = toBinary(
      ExportTraceServiceRequestSchema,
      create(ExportTraceServiceRequestSchema, { resourceSpans: [{}] }),
    );
    expect(one).toEqual(new Uint8Array([0x0a, 0]));
    const forged = attributes(['project-id', 'forged']);
    const inner = toBinary(
      ExportTraceServiceRequestSchema,
      create(ExportTraceServiceRequestSchema, { resourceSpans: [{ resource: { attributes: forged } }] }),
    ).subarray(2);
    const twice = new Uint8Array([0x0a, inner.length * 2, ...inner, ...inner]);
    const { resourceSpans } = stampTraces(twice);
    expect(resourceSpans.map(({ resource }) => pairs(resource?.attributes))).toEqual([stamped]);
  });
});

describe('look-alikes', () => {
  const claims = attributes(
    ['project-id', 'forged'],
    ['Piped-Id', 'forged'],
    ['stage-name', 'build'],
    ['project-id', 'x'],
  );

  it('go from scopes, spans, events and links', () => {
    const request = create(ExportTraceServiceRequestSchema, {
      resourceSpans: [
        {
          scopeSpans: [
            {
              scope: { attributes: claims },
              spans: [{ attributes: claims, events: [{ attributes: claims }], links: [{ attributes: claims }] }],
            },
          ],
        },
      ],
    });
    const { resourceSpans } = stampTraces(toBinary(ExportTraceServiceRequestSchema, request));
    const scopeSpans = resourceSpans[0]?.scopeSpans[0];
    const span = scopeSpans?.spans[0];
    for (const holder of [scopeSpans?.scope, span, span?.events[0], span?.links[0]]) {
      expect(pairs(holder?.attributes)).toEqual([['stage-name', 'build']]);
    }
  });
});

describe('what the stamp leaves alone', () => {
  it('fields that this version does not know survive', () => {
    // Field 900, a string, on the span, and field 901, a varint, on the request.
    const span = [0xa2, 0x38, 0x03, 0x66, 0x75, 0x74];
    const scopeSpans = [0x12, span.length, ...span];
    const resourceSpans = [0x12, scopeSpans.length, ...scopeSpans];
    const request = new Uint8Array([0x0a, resourceSpans.length, ...resourceSpans, 0xa8, 0x38, 0x2a]);
    const batch = decodeBatch('traces', 'protobuf', request);
    stamp(batch, identity);
    const out = Buffer.from(batch.encode());
    expect(out.includes(Buffer.from(span))).toBe(true);
    expect(out.subarray(-3)).toEqual(Buffer.from([0xa8, 0x38, 0x2a]));
  });

  it('metrics and logs pass from protobuf with all they hold', () => {
    const metrics = create(ExportMetricsServiceRequestSchema, {
      resourceMetrics: [
        {
          resource: { attributes: attributes(['project-id', 'forged'], ['project-id', 'forged']) },
          scopeMetrics: [{ metrics: [{ name: 'deploys', data: { case: 'gauge', value: { dataPoints: [{}] } } }] }],
          schemaUrl: 'https://example.com/schema',
        },
      ],
    });
    const batch = decodeBatch('metrics', 'protobuf', toBinary(ExportMetricsServiceRequestSchema, metrics));
    stamp(batch, identity);
    const [out] = fromBinary(ExportMetricsServiceRequestSchema, batch.encode()).resourceMetrics;
    expect(pairs(out?.resource?.attributes)).toEqual(stamped);
    expect(out?.scopeMetrics).toEqual(metrics.resourceMetrics[0]?.scopeMetrics);
    expect(out?.schemaUrl).toBe('https://example.com/schema');
  });

  it('logs too, and from JSON', () => {
    const json = {
      resourceLogs: [
        {
          resource: { attributes: [{ key: 'PIPED-ID', value: { stringValue: 'forged' } }] },
          scopeLogs: [{ logRecords: [{ body: { stringValue: 'done' }, traceId: 'a'.repeat(32), severityNumber: 9 }] }],
        },
      ],
    };
    const batch = decodeBatch('logs', 'json', Buffer.from(JSON.stringify(json)));
    stamp(batch, identity);
    const [out] = fromBinary(ExportLogsServiceRequestSchema, batch.encode()).resourceLogs;
    const record = out?.scopeLogs[0]?.logRecords[0];
    expect(pairs(out?.resource?.attributes)).toEqual(stamped);
    expect(record?.body?.value).toEqual({ case: 'stringValue', value: 'done' });
    expect(Buffer.from(record?.traceId ?? []).toString('hex')).toBe('a'.repeat(32));
  });
});

describe('JSON', () => {
  const span = { traceId: '0AF7651916CD43DD8448EB211C80319C', spanId: 'b7ad6b7169203331', name: 'Deploy', kind: 1 };
  const forged = { attributes: [{ key: 'project-id', value: { stringValue: 'forged' } }] };

  it('has ids in hex', () => {
    const json = { resourceSpans: [{ scopeSpans: [{ spans: [{ ...span, links: [{ traceId: span.traceId }] }] }] }] };
    const out = stampTraces(Buffer.from(JSON.stringify(json)), 'json').resourceSpans[0]?.scopeSpans[0]?.spans[0];
    expect(Buffer.from(out?.traceId ?? []).toString('hex')).toBe('0af7651916cd43dd8448eb211c80319c');
    expect(Buffer.from(out?.spanId ?? []).toString('hex')).toBe('b7ad6b7169203331');
    expect(out?.links[0]?.traceId.length).toBe(16);
    expect(out?.parentSpanId).toEqual(id(0, 0));
  });

  it.each([
    ['short', 'abcd'],
    ['not hex', 'z'.repeat(32)],
    ['base64', 'CvdlGRbNQ92ESOshHIAxnA=='],
  ])('refuses an id that is %s', (_, traceId) => {
    const json = { resourceSpans: [{ scopeSpans: [{ spans: [{ ...span, traceId }] }] }] };
    expect(() => decodeBatch('traces', 'json', Buffer.from(JSON.stringify(json)))).toThrow();
  });

  it('is stamped under the other spelling of its members, and what is unknown is dropped', () => {
    const json = {
      resource_spans: [{ resource: forged, scope_spans: [{ spans: [span] }] }],
      ResourceSpans: [{ resource: forged }],
    };
    const out = stampTraces(Buffer.from(JSON.stringify(json)), 'json');
    expect(out.resourceSpans.map(({ resource }) => pairs(resource?.attributes))).toEqual([stamped]);
  });

  it.each([
    ['protobuf', Buffer.concat([Buffer.from([0x0a, 0xff, 0xff, 0x03]), Buffer.alloc(100)])],
    ['json', Buffer.from('{"resourceSpans":')],
    ['json', Buffer.from([0x7b, 0xff, 0x7d])],
    ['json', Buffer.from('[]')],
    [
      'json',
      Buffer.from(
        `{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":${'{"arrayValue":{"values":['.repeat(50_000)}`,
      ),
    ],
  ] as const)('%s that makes no sense throws', (encoding, bytes) => {
    expect(() => decodeBatch('traces', encoding, bytes)).toThrow();
  });

  it('deep nesting is refused, not followed', () => {
    const depth = 20_000;
    const value = `${'{"arrayValue":{"values":['.repeat(depth)}{}${']}}'.repeat(depth)}`;
    const json = `{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":${value}}]}}]}`;
    expect(() => decodeBatch('traces', 'json', Buffer.from(json))).toThrow();

    // ArrayValue in AnyValue in ArrayValue …: each level wraps the one below.
    const wrap = (inner: Buffer, tag: number) => Buffer.concat([Buffer.from([tag, ...varint(inner.length)]), inner]);
    const levels = Array.from({ length: 400 }, () => [0x0a, 0x2a]).flat();
    const wrapped = [...levels, 0x12, 0x0a, 0x0a, 0x0a].reduce(wrap, Buffer.alloc(0));
    expect(() => decodeBatch('traces', 'protobuf', wrapped)).toThrow('recursion');
  });
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

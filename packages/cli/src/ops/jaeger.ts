import type { AnyValue, KeyValue, Span } from '../generated/otlp_pb.ts';
import { attributeText, type StoredSpan, type StoredTrace, type TraceStore } from '../receiver/trace-store.ts';

const MAX_LIMIT = 200;
const OK = 1;
const ERROR = 2;
const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];

/**
 * The part of Jaeger's query API (`/api/services`, `/api/traces`, `/api/traces/{id}`) that its users' tools ask first,
 * answered from memory. Returns undefined for what it does not know.
 */
export function answerJaegerQuery(traces: TraceStore, url: URL): { status: number; body: unknown } | undefined {
  if (url.pathname === '/api/services') return ok(traces.services());
  if (url.pathname === '/api/traces') {
    const limit = Number(url.searchParams.get('limit') ?? 20);
    if (!Number.isInteger(limit) || limit < 1) return failed(400, 'limit must be a whole number of at least 1');
    const service = url.searchParams.get('service');
    return ok(
      traces.list({ ...(service !== null && { service }), limit: Math.min(limit, MAX_LIMIT) }).map(jaegerTrace),
    );
  }
  const traceId = /^\/api\/traces\/([0-9a-f]{1,32})$/i.exec(url.pathname)?.[1];
  if (traceId === undefined) return undefined;
  const found = traces.get(traceId.padStart(32, '0'));
  return found.length > 0 ? ok(found.map(jaegerTrace)) : failed(404, 'trace not found');
}

function ok(data: unknown[]) {
  return { status: 200, body: { data, total: data.length, limit: 0, offset: 0, errors: null } };
}

function failed(status: number, msg: string) {
  return { status, body: { data: null, total: 0, limit: 0, offset: 0, errors: [{ code: status, msg }] } };
}

function jaegerTrace({ traceId, spans }: StoredTrace) {
  const processes = new Map<string, { id: string; serviceName: string; tags: unknown[] }>();
  const jaegerSpans = spans.map(stored => {
    const tags = (stored.resource?.attributes ?? []).map(tag);
    const key = JSON.stringify(tags);
    const known = processes.get(key) ?? {
      id: `p${processes.size + 1}`,
      serviceName: attributeText(stored.resource?.attributes, 'service.name') ?? 'unknown_service',
      tags,
    };
    processes.set(key, known);
    return jaegerSpan(stored, traceId, known.id);
  });
  return {
    traceID: traceId,
    spans: jaegerSpans,
    processes: Object.fromEntries([...processes.values()].map(({ id, ...process }) => [id, process])),
    warnings: null,
  };
}

function jaegerSpan({ span }: StoredSpan, traceID: string, processID: string) {
  const references = [
    ...(span.parentSpanId.length > 0 ? [{ refType: 'CHILD_OF', traceID, spanID: hex(span.parentSpanId) }] : []),
    ...span.links.map(link => ({ refType: 'FOLLOWS_FROM', traceID: hex(link.traceId), spanID: hex(link.spanId) })),
  ];
  return {
    traceID,
    spanID: hex(span.spanId),
    operationName: span.name,
    references,
    startTime: microseconds(span.startTimeUnixNano),
    duration: Math.max(0, microseconds(span.endTimeUnixNano - span.startTimeUnixNano)),
    tags: [...span.attributes.map(tag), ...statusTags(span)],
    logs: span.events.map(event => ({
      timestamp: microseconds(event.timeUnixNano),
      fields: [{ key: 'event', type: 'string', value: event.name }, ...event.attributes.map(tag)],
    })),
    processID,
    warnings: null,
  };
}

function statusTags({ status, kind }: Span) {
  const kindTag = { key: 'span.kind', type: 'string', value: KINDS[kind] ?? 'unspecified' };
  if (status?.code === OK) return [kindTag, { key: 'otel.status_code', type: 'string', value: 'OK' }];
  if (status?.code !== ERROR) return [kindTag];
  return [
    kindTag,
    { key: 'error', type: 'bool', value: true },
    { key: 'otel.status_description', type: 'string', value: status.message },
  ];
}

function tag({ key, value }: KeyValue) {
  switch (value?.value.case) {
    case 'boolValue':
      return { key, type: 'bool', value: value.value.value };
    case 'intValue':
      return { key, type: 'int64', value: Number(value.value.value) };
    case 'doubleValue':
      return { key, type: 'float64', value: value.value.value };
    default: {
      const read = plain(value);
      return { key, type: 'string', value: typeof read === 'string' ? read : JSON.stringify(read) };
    }
  }
}

function plain(value: AnyValue | undefined): unknown {
  switch (value?.value.case) {
    case 'arrayValue':
      return value.value.value.values.map(plain);
    case 'kvlistValue':
      return Object.fromEntries(value.value.value.values.map(entry => [entry.key, plain(entry.value)]));
    case 'bytesValue':
      return Buffer.from(value.value.value).toString('base64');
    case 'intValue':
      return Number(value.value.value);
    default:
      return value?.value.value ?? '';
  }
}

function microseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1000n);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

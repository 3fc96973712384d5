import type {
  ExportLogsServiceRequest,
  ExportMetricsServiceRequest,
  ExportTraceServiceRequest,
  Metric,
} from '../generated/otlp_pb.ts';

/**
 * OTLP's JSON departs from protobuf's: trace and span ids are hex, not base64. Hex digits are base64 characters and an
 * id's length is a multiple of four of them, so the JSON reader has taken the id apart without loss, and it can be put
 * together again. This works on the decoded message, where every spelling of a member's name has already become one.
 */
type Ids = { traceId?: Uint8Array; spanId?: Uint8Array; parentSpanId?: Uint8Array };

export function convertTraceIds(message: ExportTraceServiceRequest): void {
  for (const { scopeSpans } of message.resourceSpans) {
    for (const { spans } of scopeSpans) {
      for (const span of spans) {
        convert(span);
        span.links.forEach(convert);
      }
    }
  }
}

export function convertLogIds(message: ExportLogsServiceRequest): void {
  for (const { scopeLogs } of message.resourceLogs) {
    for (const { logRecords } of scopeLogs) logRecords.forEach(convert);
  }
}

export function convertMetricIds(message: ExportMetricsServiceRequest): void {
  for (const { scopeMetrics } of message.resourceMetrics) {
    for (const { metrics } of scopeMetrics) metrics.flatMap(exemplarsOf).forEach(convert);
  }
}

function exemplarsOf({ data }: Metric): Ids[] {
  switch (data.case) {
    case 'gauge':
    case 'sum':
    case 'histogram':
    case 'exponentialHistogram':
      return data.value.dataPoints.flatMap<Ids>(point => point.exemplars);
    default:
      return [];
  }
}

function convert(ids: Ids): void {
  if (ids.traceId) ids.traceId = hexBytes(ids.traceId, 16);
  if (ids.spanId) ids.spanId = hexBytes(ids.spanId, 8);
  if (ids.parentSpanId) ids.parentSpanId = hexBytes(ids.parentSpanId, 8);
}

function hexBytes(readAsBase64: Uint8Array, length: number): Uint8Array {
  if (readAsBase64.length === 0) return readAsBase64;
  const text = Buffer.from(readAsBase64).toString('base64');
  if (text.length !== length * 2 || !/^[0-9a-f]*$/i.test(text)) throw new Error(`an id is not ${length} bytes in hex`);
  return new Uint8Array(Buffer.from(text, 'hex'));
}

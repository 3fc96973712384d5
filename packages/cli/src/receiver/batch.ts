import { type DescMessage, fromBinary, fromJson, type JsonValue, type Message, toBinary } from '@bufbuild/protobuf';
import {
  ExportLogsServiceRequestSchema,
  ExportMetricsServiceRequestSchema,
  ExportRequestSchema,
  type ExportTraceServiceRequest,
  ExportTraceServiceRequestSchema,
  type Resource,
} from '../generated/otlp_pb.ts';
import { convertLogIds, convertMetricIds, convertTraceIds } from './json-ids.ts';
import type { Encoding, OtlpSignal } from './signals.ts';

/** An export, decoded as far as its identity is concerned. */
export interface Batch {
  readonly signal: OtlpSignal;
  /** One for each resource that the sender speaks for; the same objects as in what `encode` writes. */
  readonly entries: readonly { resource?: Resource | undefined }[];
  /** The spans, when `signal` is `traces`. */
  readonly traces?: ExportTraceServiceRequest;
  /** The batch as it is now, in protobuf. */
  encode(): Uint8Array;
}

/**
 * Decodes an export. From protobuf, metrics and logs are read only as far as their resources, and what this version
 * does not know stays as it came. From JSON all is read into known fields and the rest is dropped, as OTLP asks: a
 * member that only another reader recognises would be a way around the stamp.
 *
 * @throws Error when the bytes are not an export of this signal in this encoding
 */
export function decodeBatch(signal: OtlpSignal, encoding: Encoding, bytes: Uint8Array): Batch {
  return encoding === 'json' ? fromJsonText[signal](bytes) : fromProtobuf[signal](bytes);
}

const fromProtobuf: Record<OtlpSignal, (bytes: Uint8Array) => Batch> = {
  traces: bytes => tracesBatch(fromBinary(ExportTraceServiceRequestSchema, bytes)),
  metrics: bytes => resourcesOnly('metrics', bytes),
  logs: bytes => resourcesOnly('logs', bytes),
};

const fromJsonText: Record<OtlpSignal, (bytes: Uint8Array) => Batch> = {
  traces(bytes) {
    const message = fromJson(ExportTraceServiceRequestSchema, parseJson(bytes), LENIENT);
    convertTraceIds(message);
    return tracesBatch(message);
  },
  metrics(bytes) {
    const message = fromJson(ExportMetricsServiceRequestSchema, parseJson(bytes), LENIENT);
    convertMetricIds(message);
    return batch('metrics', message.resourceMetrics, ExportMetricsServiceRequestSchema, message);
  },
  logs(bytes) {
    const message = fromJson(ExportLogsServiceRequestSchema, parseJson(bytes), LENIENT);
    convertLogIds(message);
    return batch('logs', message.resourceLogs, ExportLogsServiceRequestSchema, message);
  },
};

const LENIENT = { ignoreUnknownFields: true };

function parseJson(bytes: Uint8Array): JsonValue {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
}

function tracesBatch(message: ExportTraceServiceRequest): Batch {
  return {
    ...batch('traces', message.resourceSpans, ExportTraceServiceRequestSchema, message),
    traces: message,
  };
}

function resourcesOnly(signal: OtlpSignal, bytes: Uint8Array): Batch {
  const message = fromBinary(ExportRequestSchema, bytes);
  return batch(signal, message.entries, ExportRequestSchema, message);
}

function batch<T extends DescMessage>(
  signal: OtlpSignal,
  entries: Batch['entries'],
  schema: T,
  message: Message,
): Batch {
  return { signal, entries, encode: () => toBinary(schema, message as never) };
}

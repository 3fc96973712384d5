import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { ExportTraceServiceRequestSchema, type KeyValue, type SpanSchema } from '../generated/otlp_pb.ts';

type KeyValueInit = { key: string; value: { value: { case: 'stringValue'; value: string } } };

/** An attribute list; a key may come several times. */
export function attributes(...pairs: [string, string][]): KeyValueInit[] {
  return pairs.map(([key, value]) => ({ key, value: { value: { case: 'stringValue', value } } }));
}

/** What `attributes` made, back as pairs. */
export function pairs(list: readonly KeyValue[] | undefined): [string, unknown][] {
  return (list ?? []).map(({ key, value }) => [key, value?.value.value]);
}

/** `ExportTraceServiceRequest` bytes with one resource and one scope. */
export function traceRequest(
  resource: [string, string][],
  ...spans: MessageInitShape<typeof SpanSchema>[]
): Uint8Array {
  const message = create(ExportTraceServiceRequestSchema, {
    resourceSpans: [{ resource: { attributes: attributes(...resource) }, scopeSpans: [{ spans }] }],
  });
  return toBinary(ExportTraceServiceRequestSchema, message);
}

/** 16 (or `length`) bytes that end in `n`. */
export function id(n: number, length = 16): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes[length - 1] = n;
  return bytes;
}

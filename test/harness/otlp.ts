import { randomBytes } from 'node:crypto';
import { message } from './protobuf.ts';

/** Key and string value; the same key may come as often as one likes. */
export type RawAttribute = readonly [key: string, value: string];

/** An ExportTraceServiceRequest with one span (opentelemetry/proto/collector/trace/v1/trace_service.proto), as protobuf. */
export function tracesRequest(spanName: string, resource: readonly RawAttribute[] = []): Uint8Array {
  const now = BigInt(Date.now()) * 1_000_000n;
  const span = message([1, randomBytes(16)], [2, randomBytes(8)], [5, spanName], [6, 1], [7, now], [8, now]);
  const resourceSpans = message(
    [1, message(...resource.map(attribute => [1, keyValue(attribute)] as const))],
    [2, message([2, span])],
  );
  return message([1, resourceSpans]);
}

/** The same in OTLP's JSON encoding. */
export function tracesRequestJson(spanName: string, resource: readonly RawAttribute[] = []): string {
  const now = `${Date.now()}000000`;
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: resource.map(([key, value]) => ({ key, value: { stringValue: value } })) },
        scopeSpans: [
          {
            spans: [
              {
                traceId: randomBytes(16).toString('hex'),
                spanId: randomBytes(8).toString('hex'),
                name: spanName,
                kind: 1,
                startTimeUnixNano: now,
                endTimeUnixNano: now,
              },
            ],
          },
        ],
      },
    ],
  });
}

function keyValue([key, value]: RawAttribute): Uint8Array {
  return message([1, key], [2, message([1, value])]);
}

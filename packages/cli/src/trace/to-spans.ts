import { create } from '@bufbuild/protobuf';
import { isFailed, parentOf } from '@spanpass/control-plane/traces';
import { SpanSchema } from '../generated/otlp_pb.ts';
import type { StoredSpan } from '../receiver/trace-store.ts';
import { textTag } from './deployment.ts';
import type { JaegerTrace } from './jaeger-client.ts';

const OK = 1;
const ERROR = 2;

/** As far as a waterfall shows them. */
export function toSpans({ traceID, spans }: JaegerTrace): StoredSpan[] {
  return [...spans]
    .sort((a, b) => a.startTime - b.startTime)
    .map(span => {
      const code = isFailed(span) ? ERROR : textTag(span, 'otel.status_code') === 'OK' ? OK : 0;
      return {
        resource: undefined,
        span: create(SpanSchema, {
          spanId: bytes(span.spanID),
          parentSpanId: bytes(parentOf(span, traceID) ?? ''),
          name: span.operationName,
          startTimeUnixNano: BigInt(span.startTime) * 1_000n,
          endTimeUnixNano: BigInt(span.startTime + span.duration) * 1_000n,
          status: { code, message: textTag(span, 'otel.status_description') },
        }),
      };
    });
}

function bytes(hex: string): Uint8Array {
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}

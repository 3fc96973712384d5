import type { SignalKind } from '../signals.ts';
import { fieldsOf, messagesAt } from './wire.ts';

/** opentelemetry/proto/metrics/v1/metrics.proto: gauge, sum, histogram, exponential histogram, summary. */
const METRIC_DATA = new Set([5, 7, 9, 10, 11]);

/**
 * How many spans, data points or log records an export request holds.
 *
 * @throws Error if the payload is no protobuf message
 */
export function countItems(kind: SignalKind, payload: Uint8Array): number {
  let count = 0;
  for (const perResource of messagesAt(payload, 1)) {
    for (const perScope of messagesAt(perResource, 2)) {
      for (const item of messagesAt(perScope, 2)) count += kind === 'metrics' ? dataPointsOf(item) : 1;
    }
  }
  return count;
}

function dataPointsOf(metric: Uint8Array): number {
  let count = 0;
  for (const { no, bytes } of fieldsOf(metric)) {
    if (bytes && METRIC_DATA.has(no)) count += [...messagesAt(bytes, 1)].length;
  }
  return count;
}

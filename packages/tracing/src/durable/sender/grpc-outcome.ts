import { type Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { retryDelayMsOf } from '../otlp/retry-info.ts';
import { isAboutTime, type Outcome, oneLine, type Refused } from './outcome.ts';

/** https://opentelemetry.io/docs/specs/otlp/#failures: retryable as they are. */
const RETRYABLE: ReadonlySet<number> = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);

const REFUSALS: ReadonlyMap<number, Refused['kind']> = new Map([
  [status.PERMISSION_DENIED, 'denied'],
  [status.INVALID_ARGUMENT, 'rejected'],
]);

export interface GrpcCallFacts {
  /** Initial metadata, where there was any: a refusal may come with it or in trailers alone. */
  readonly headers: Metadata | undefined;
  readonly peerIsTrusted: boolean;
  readonly authorization: string | undefined;
}

export function outcomeOfGrpcError(error: ServiceError, facts: GrpcCallFacts): Outcome {
  const { code, details } = error;
  const reason = `gRPC ${status[code] ?? code}`;
  const message = oneLine(details ?? '');
  if (code === status.UNAUTHENTICATED) {
    const { authorization } = facts;
    return {
      kind: 'unauthenticated',
      reason,
      message,
      clockIsOff: isAboutTime(details ?? '', headerOf(error.metadata, 'www-authenticate')),
      ...trustedDate(error, facts),
      ...(authorization !== undefined && { authorization }),
    };
  }
  const afterMs = delayMsOf(error.metadata);
  if (RETRYABLE.has(code) || (code === status.RESOURCE_EXHAUSTED && afterMs !== undefined)) {
    return { kind: 'retry', reason, message, ...(afterMs !== undefined && { afterMs }) };
  }
  return { kind: REFUSALS.get(code) ?? 'failed', reason, message };
}

/** RetryInfo is OTLP's; the other two are what Envoy and gRPC servers send in its place. */
function delayMsOf(metadata: Metadata | undefined): number | undefined {
  const details = metadata?.get('grpc-status-details-bin')[0];
  const fromDetails = details instanceof Buffer ? retryDelayMsOf(details) : undefined;
  if (fromDetails !== undefined) return fromDetails;
  const pushback = wholeNumberIn(headerOf(metadata, 'grpc-retry-pushback-ms'));
  if (pushback !== undefined) return pushback;
  const seconds = wholeNumberIn(headerOf(metadata, 'retry-after'));
  return seconds === undefined ? undefined : seconds * 1_000;
}

function trustedDate(error: ServiceError, { headers, peerIsTrusted }: GrpcCallFacts): { trustedDateMs?: number } {
  if (!peerIsTrusted) return {};
  const trustedDateMs = Date.parse(headerOf(headers, 'date') || headerOf(error.metadata, 'date'));
  return Number.isNaN(trustedDateMs) ? {} : { trustedDateMs };
}

function headerOf(metadata: Metadata | undefined, name: string): string {
  const value = metadata?.get(name)[0];
  return typeof value === 'string' ? value : '';
}

function wholeNumberIn(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

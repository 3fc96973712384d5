import { RetryInfo, Status } from './generated/rpc_status.ts';
import type { Refusal } from './refusals.ts';

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';

/** `google.rpc.Status`, with RetryInfo where there is something to wait for: the body that OTLP asks for. */
export function rpcStatus({ grpcStatus, message, retryAfterSeconds }: Refusal): Buffer {
  const delay = retryAfterSeconds === undefined ? undefined : { retryDelay: { seconds: retryAfterSeconds } };
  const details = delay ? [{ typeUrl: RETRY_INFO, value: Buffer.from(RetryInfo.encode(delay).finish()) }] : [];
  return Buffer.from(Status.encode({ code: grpcStatus, message, details }).finish());
}

/** The headers of a refusal, for any caller: the challenge (RFC 6750 section 3) and when to try again. */
export function refusalHeaders({ httpStatus, bearerError, retryAfterSeconds }: Refusal): Record<string, string> {
  const challenge = bearerError === undefined ? 'Bearer' : `Bearer error="${bearerError}"`;
  return {
    ...(httpStatus !== 503 && { 'www-authenticate': challenge }),
    ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
  };
}

/** What a gRPC caller is told besides of trying again: RetryInfo, which the Collector obeys, and the pushback of gRFC A6. */
export function grpcRetryHeaders(refusal: Refusal): Record<string, string> {
  if (refusal.retryAfterSeconds === undefined) return {};
  return {
    'grpc-retry-pushback-ms': String(refusal.retryAfterSeconds * 1000),
    'grpc-status-details-bin': rpcStatus(refusal).toString('base64').replace(/=+$/, ''),
  };
}

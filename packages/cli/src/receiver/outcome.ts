import { status as Grpc } from '@grpc/grpc-js';

/** What becomes of an export: the answer to its sender, before it is written for gRPC or HTTP. */
export type Outcome = Accepted | Refused;

export interface Accepted {
  readonly kind: 'accepted';
  /** An `Export…ServiceResponse` in protobuf; empty when all was taken. */
  readonly response: Uint8Array;
}

export interface Refused {
  readonly kind: 'refused';
  /** gRPC status code. */
  readonly code: number;
  readonly httpStatus: number;
  readonly message: string;
  /** For the HTTP answer. */
  readonly retryAfterSeconds?: number;
  /** A serialized `google.rpc.Status` with its details (`grpc-status-details-bin`), from the backend. */
  readonly statusDetails?: Buffer;
}

const EMPTY = new Uint8Array();

export const ACCEPTED: Accepted = Object.freeze({ kind: 'accepted', response: EMPTY });

type Answer = readonly [code: number, httpStatus: number];

/** Which pairs of gRPC and HTTP status the receiver gives by itself (OTLP 1.x, "Failures"). */
const ANSWERS = Object.freeze({
  malformed: [Grpc.INVALID_ARGUMENT, 400],
  too_large: [Grpc.RESOURCE_EXHAUSTED, 413],
  too_many_headers: [Grpc.RESOURCE_EXHAUSTED, 431],
  unsupported: [Grpc.UNIMPLEMENTED, 415],
  not_found: [Grpc.UNIMPLEMENTED, 404],
  method_not_allowed: [Grpc.UNIMPLEMENTED, 405],
  too_slow: [Grpc.DEADLINE_EXCEEDED, 408],
  unavailable: [Grpc.UNAVAILABLE, 503],
  internal: [Grpc.INTERNAL, 500],
} satisfies Record<string, Answer>);

export function refused(reason: keyof typeof ANSWERS, message: string): Refused {
  const [code, httpStatus] = ANSWERS[reason] as Answer;
  return { kind: 'refused', code, httpStatus, message, ...(reason === 'unavailable' && { retryAfterSeconds: 1 }) };
}

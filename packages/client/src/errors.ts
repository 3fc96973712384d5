import { status } from '@grpc/grpc-js';

/**
 * Every way in which the client fails, and the gRPC status that a call fails with for it. UNAVAILABLE keeps telemetry
 * in whoever holds it: these causes pass, or an operator removes them without a restart. The codes are stable.
 */
export const CLIENT_ERRORS = Object.freeze({
  key_file_missing: status.UNAVAILABLE,
  key_file_unreadable: status.UNAVAILABLE,
  key_file_not_a_file: status.UNAVAILABLE,
  key_file_exposed: status.UNAVAILABLE,
  key_file_too_large: status.UNAVAILABLE,
  key_file_invalid: status.UNAVAILABLE,
  key_file_unknown_version: status.UNAVAILABLE,
  key_file_exists: status.UNAVAILABLE,
  key_file_write_failed: status.UNAVAILABLE,
  key_expired: status.UNAUTHENTICATED,
  pending_key_mismatch: status.UNAVAILABLE,
  source_failed: status.UNAVAILABLE,
  source_timed_out: status.UNAVAILABLE,
  source_closed: status.UNAVAILABLE,
  plaintext_refused: status.UNAUTHENTICATED,
  authorization_twice: status.UNAUTHENTICATED,
  control_plane_unreachable: status.UNAVAILABLE,
  control_plane_timed_out: status.UNAVAILABLE,
  control_plane_answer_invalid: status.UNAVAILABLE,
  control_plane_refused: status.UNAUTHENTICATED,
  token_unavailable: status.UNAVAILABLE,
  token_refused: status.UNAUTHENTICATED,
  token_forbidden: status.PERMISSION_DENIED,
});

export type ClientErrorCode = keyof typeof CLIENT_ERRORS;

/** The one error of this package. The message is one line, says what to do, and never holds a key or a token. */
export class ClientError extends Error {
  override readonly name: string = 'ClientError';
  readonly code: ClientErrorCode;

  constructor(code: ClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** What a foreign source throws may quote its secret, so its message stays in `cause`. */
  static from(error: unknown): ClientError {
    if (error instanceof ClientError) return error;
    return new ClientError('source_failed', 'the credential source failed', { cause: error });
  }
}

/** The control plane said no. */
export class ControlPlaneError extends ClientError {
  override readonly name = 'ControlPlaneError';
  readonly httpStatus: number;
  /** The problem document's `code`, `unknown` if it brought none. */
  readonly problemCode: string;

  constructor(
    httpStatus: number,
    problemCode: string,
    message: string,
    code: ClientErrorCode = 'control_plane_refused',
  ) {
    super(code, message);
    this.httpStatus = httpStatus;
    this.problemCode = problemCode;
  }
}

export function authorizationTwice(): ClientError {
  const message = 'this request sets authorization itself, and so does spanpass: drop one of them';
  return new ClientError('authorization_twice', message);
}

/** Codes that the client itself gives; all others are the control plane's (see its problem documents). */
export type ClientErrorCode =
  | 'control_plane_unreachable'
  | 'control_plane_timed_out'
  | 'control_plane_answer_invalid'
  | 'plaintext_refused';

/** A call failed. The message is one line, and holds no secret. */
export class ControlPlaneApiError extends Error {
  override readonly name = 'ControlPlaneApiError';
  /** A `ClientErrorCode`, or the `code` of the problem document that the control plane answered with. */
  readonly code: string;
  /** The HTTP status, if there was an answer. */
  readonly status: number | undefined;

  constructor(code: string, message: string, options: ErrorOptions & { readonly status?: number } = {}) {
    super(message, options);
    this.code = code;
    this.status = options.status;
  }
}

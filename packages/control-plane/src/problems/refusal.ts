import type { ProblemCode } from './problems.ts';

export interface RefusalOptions extends ErrorOptions {
  /** Sent as `retry-after`. */
  readonly retryAfterSeconds?: number;
}

/** A call is refused. The detail goes to the caller: it holds no secret, and of what the caller sent no more than ids. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: ProblemCode;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ProblemCode, detail: string, options: RefusalOptions = {}) {
    super(detail, options);
    this.code = code;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

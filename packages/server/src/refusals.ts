import { CREDENTIAL_REFUSALS, CredentialError, type CredentialRefusalCode } from '@spanpass/credential';
import type { Owner } from './contract.ts';

/** What a refusal means for its sender: show a better pass, ask for permission, or try again later. */
export type RefusalOutcome = 'unauthenticated' | 'denied' | 'unavailable';

/** How one reason is answered. */
export interface Refusal {
  readonly outcome: RefusalOutcome;
  /** https://grpc.io/docs/guides/status-codes/ */
  readonly grpcStatus: 16 | 7 | 14;
  readonly httpStatus: 401 | 403 | 503;
  /** RFC 6750 section 3.1; absent where no credential was shown, as that section asks. */
  readonly bearerError?: 'invalid_request' | 'invalid_token' | 'insufficient_scope';
  /** When to try again, in seconds. Only for `unavailable`. */
  readonly retryAfterSeconds?: number;
  /** `<code>: <text>`, printable ASCII; fixed, so it never holds anything that came from the caller. */
  readonly message: string;
  /** Where the documentation explains it: a page of `docs/`, and the place on it. */
  readonly docs: string;
  /** The signature held before this was found, so the owner of the key may be named in logs and to the gateway. */
  readonly ownerVerified: boolean;
}

const ANSWERS = {
  unauthenticated: { grpcStatus: 16, httpStatus: 401 },
  denied: { grpcStatus: 7, httpStatus: 403 },
  unavailable: { grpcStatus: 14, httpStatus: 503, retryAfterSeconds: 1 },
} as const;

type Row = Pick<Refusal, 'outcome' | 'bearerError' | 'retryAfterSeconds' | 'ownerVerified'>;

const badToken: Row = { outcome: 'unauthenticated', bearerError: 'invalid_token', ownerVerified: false };
const badTokenOfOwner: Row = { ...badToken, ownerVerified: true };
const badRequest: Row = { outcome: 'unauthenticated', bearerError: 'invalid_request', ownerVerified: false };
const noCredential: Row = { outcome: 'unauthenticated', ownerVerified: false };
const denied: Row = { outcome: 'denied', bearerError: 'insufficient_scope', ownerVerified: true };
const unavailable: Row = { outcome: 'unavailable', ownerVerified: false };

const CREDENTIAL_ROWS: Readonly<Record<CredentialRefusalCode, Row>> = {
  credential_too_large: badToken,
  credential_malformed: badToken,
  header_malformed: badToken,
  header_forbidden: badToken,
  typ_mismatch: badToken,
  algorithm_mismatch: badToken,
  kid_malformed: badToken,
  kid_mismatch: badToken,
  key_unknown: badToken,
  signature_invalid: badToken,
  claims_malformed: badToken,
  issuer_mismatch: badTokenOfOwner,
  subject_mismatch: badTokenOfOwner,
  project_mismatch: badTokenOfOwner,
  audience_mismatch: badTokenOfOwner,
  lifetime_invalid: badTokenOfOwner,
  issued_in_future: badTokenOfOwner,
  expired: badTokenOfOwner,
  body_mismatch: badTokenOfOwner,
  key_revoked: badTokenOfOwner,
  key_retired: badTokenOfOwner,
  key_not_yet_valid: badTokenOfOwner,
  key_expired: badTokenOfOwner,
  piped_disabled: denied,
  project_disabled: denied,
};

const SERVER_ROWS = {
  credential_missing: [noCredential, 'no credential of a kind that is accepted here'],
  credential_multiple: [badRequest, 'more than one authorization value'],
  static_key_malformed: [badToken, 'the static key is not project,piped,key'],
  static_key_invalid: [badToken, 'no piped has this static key'],
  issuer_unknown: [badToken, 'no issuer that is trusted here made this token'],
  binding_unsupported: [badToken, 'the token is bound to its sender in a way that can not be checked here (cnf)'],
  piped_unknown: [denied, 'the identity was verified, but no such piped is registered'],
  request_too_large: [badRequest, 'the request headers are too large to be checked'],
  request_malformed: [badRequest, 'the request to be checked can not be read'],
  certificate_malformed: [badRequest, 'the forwarded client certificate can not be read'],
  certificate_untrusted: [badToken, 'the client certificate names no piped'],
  certificate_mismatch: [badTokenOfOwner, 'the credential is bound to another client certificate'],
  scope_denied: [denied, 'this signal is not among those that the piped may send'],
  path_unknown: [denied, 'no telemetry is taken on this path'],
  key_source_unavailable: [unavailable, 'keys can not be looked up right now'],
  overloaded: [unavailable, 'too many checks are under way'],
  throttled: [
    { ...unavailable, retryAfterSeconds: 2 },
    'too many tries failed from this address, or too many new credentials came from this key',
  ],
  shutting_down: [unavailable, 'this server is shutting down'],
  check_timeout: [unavailable, 'the check took too long'],
  internal_error: [unavailable, 'the check failed'],
} as const satisfies Record<string, readonly [Row, string]>;

/** Why a request was refused. Stable: logs, metrics and the documentation use it. */
export type RefusalCode = CredentialRefusalCode | keyof typeof SERVER_ROWS;

/** How each reason is answered, on every protocol. Nobody else switches on the reason. */
export const REFUSALS: Readonly<Record<RefusalCode, Refusal>> = Object.freeze(
  Object.fromEntries([
    ...Object.entries(CREDENTIAL_ROWS).map(([code, row]) =>
      rowOf(code, row, CREDENTIAL_REFUSALS[code as CredentialRefusalCode]),
    ),
    ...Object.entries(SERVER_ROWS).map(([code, [row, text]]) => rowOf(code, row, text)),
  ]) as Record<RefusalCode, Refusal>,
);

function rowOf(code: string, row: Row, text: string): readonly [string, Refusal] {
  const docs = `reference/refusals.md#${code}`;
  return [code, Object.freeze({ ...ANSWERS[row.outcome], ...row, message: `${code}: ${text}`, docs })];
}

/**
 * A request was refused. `code` says why; `message` is fixed per code and safe to show; `cause` is for the log only. It has
 * no stack trace of its own.
 */
export class AuthenticationError extends Error {
  override readonly name = 'AuthenticationError';
  readonly code: RefusalCode;
  /** Whose request was refused, where that was verified. */
  readonly owner: Owner | undefined;
  #claimedOwner: Owner | undefined;
  #authenticator: string | undefined;

  constructor(code: RefusalCode, options: { readonly cause?: unknown; readonly owner?: Owner } = {}) {
    // A refusal is an answer, and there may be floods of them: what led to it is in `cause`, where that was a mistake.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(REFUSALS[code].message, 'cause' in options ? { cause: options.cause } : {});
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    const { ownerVerified } = REFUSALS[code];
    this.owner = ownerVerified ? options.owner : undefined;
    this.#claimedOwner = ownerVerified ? undefined : options.owner;
  }

  get refusal(): Refusal {
    return REFUSALS[this.code];
  }

  /** Whose key was named in what was refused, where that is all that is known: anybody may have sent it. */
  get claimedOwner(): Owner | undefined {
    return this.#claimedOwner;
  }

  /** Says whose key was named, where no signature was looked at. */
  naming(owner: Owner): this {
    if (this.owner === undefined) this.#claimedOwner = owner;
    return this;
  }

  /** Who refused, if it was one of the authenticators. */
  get authenticator(): string | undefined {
    return this.#authenticator;
  }

  /** Says who refused; the first one stays. */
  by(authenticator: string): this {
    this.#authenticator ??= authenticator;
    return this;
  }

  /**
   * Turns whatever was thrown into a refusal: one of ours stays itself, a CredentialError keeps its code, anything
   * else is `internal_error`: a check that failed is undecided, never an allow.
   *
   * @param owner whose key was asked about; kept as the owner where the reason implies that the signature held, and else
   *   as the one that was claimed
   */
  static from(error: unknown, owner?: Owner): AuthenticationError {
    if (error instanceof AuthenticationError) return error;
    const code = error instanceof CredentialError ? error.code : 'internal_error';
    return new AuthenticationError(code, { cause: error, ...(owner && { owner }) });
  }
}

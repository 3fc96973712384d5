/** What became of one request. Everything but `accepted` leaves the records in the spool. */
export type Outcome = Accepted | Retry | Unauthenticated | Refused;

export interface Accepted {
  readonly kind: 'accepted';
  /** Items that the receiver threw away, and says so: never sent again (OTLP, partial success). */
  readonly rejectedItems: number;
  readonly message: string;
}

/** Try again: the protocol says so, or nobody answered. */
export interface Retry {
  readonly kind: 'retry';
  readonly reason: string;
  readonly message: string;
  /** What the server asked for, by RetryInfo or Retry-After. */
  readonly afterMs?: number;
}

/** The credential was refused. */
export interface Unauthenticated {
  readonly kind: 'unauthenticated';
  readonly reason: string;
  readonly message: string;
  /** The refusal was about time: the credential had expired, or came from the future. */
  readonly clockIsOff: boolean;
  /** The server's date, only where TLS or loopback vouches for the server. */
  readonly trustedDateMs?: number;
  /** What was refused, where this package attached it. For `invalidate` alone; it never reaches a log. */
  readonly authorization?: string;
}

export interface Refused {
  /**
   * `denied`: known, but not allowed; it may be again.
   * `rejected`: this payload is at fault, says the receiver.
   * `too_large`: it may pass in parts.
   * `failed`: neither retryable by the protocol nor about this payload, such as a wrong address or a broken receiver.
   */
  readonly kind: 'denied' | 'rejected' | 'too_large' | 'failed';
  readonly reason: string;
  readonly message: string;
}

const MAX_MESSAGE_CHARS = 300;

/** What a server says goes to logs and files: one line, of bounded length. */
export function oneLine(text: string): string {
  return text
    .slice(0, MAX_MESSAGE_CHARS)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
}

/** Refusals start with a stable code; in a challenge (RFC 6750) the text is in quotes. */
export function isAboutTime(...texts: readonly string[]): boolean {
  return texts.some(text => /(?:^|["\s])(?:expired|issued_in_future):/.test(text));
}

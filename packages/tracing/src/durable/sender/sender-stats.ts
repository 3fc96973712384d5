/** What a lane is about. */
export type LaneState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'sending' }
  /** Records wait in the spool until the next try; `reason` such as `HTTP 503`. */
  | { readonly kind: 'waiting'; readonly reason: string; readonly message: string }
  | { readonly kind: 'stopped' };

/** Since the start of the sender. Items are spans, data points, log records. */
export interface SenderStats {
  readonly sent: { readonly records: number; readonly items: number; readonly bytes: number };
  readonly requests: number;
  /** Requests that did not end with the records' arrival. */
  readonly failures: number;
  /** Items that a receiver took and threw away, as it said. */
  readonly rejectedByReceiver: number;
  /** Items that went to the dead letters. */
  readonly deadLetters: number;
}

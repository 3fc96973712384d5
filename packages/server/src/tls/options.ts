export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** A listener's certificate. PEM; a chain begins with the listener's own certificate. */
export type TlsOptions = (TlsFiles | TlsTexts) & {
  /** The oldest version that is spoken. Default `TLSv1.2`. */
  readonly minVersion?: TlsVersion;
};

/** Files, which are read again when they change. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Certificates of those who sign the clients'. With it, who has none of theirs is not let in. */
  readonly clientCaFile?: string;
  /** How often to look for a change, in milliseconds. Default 1000; it is taken when nothing more changed meanwhile. */
  readonly pollMs?: number;
}

/** The same as texts. */
export interface TlsTexts {
  readonly cert: string;
  /** Secret. */
  readonly key: string;
  readonly clientCa?: string;
}

export type TlsErrorCode = 'unreadable' | 'malformed' | 'mismatch' | 'expired' | 'client_ca_fixed';

/** A certificate that can't be used. `code` is stable; the message is one line, and holds nothing of a key. */
export class TlsError extends Error {
  override readonly name = 'TlsError';
  readonly code: TlsErrorCode;

  constructor(code: TlsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

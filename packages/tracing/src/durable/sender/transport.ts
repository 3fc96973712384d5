import type { SignalKind } from '../signals.ts';
import type { Outcome } from './outcome.ts';

/** One way to a receiver of OTLP. */
export interface Transport {
  /** Where to, for logs. */
  readonly peer: string;
  /** Sends one export request. Never rejects; bounded in time; `signal` ends it early, with whatever outcome. */
  send(kind: SignalKind, payload: Buffer, signal: AbortSignal): Promise<Outcome>;
  close(): void;
}

/** How requests prove who sends them. A structure, so that this package knows no implementation. */
export interface ExportCredentials {
  /** Asked for on each request. A rejection counts as "try again". */
  headers?(): Promise<Record<string, string>>;
  /** Told of a refused credential, so that the next request has another one. `authorization` only if `headers` gave it. */
  invalidate?(refused: { readonly authorization?: string }): void | Promise<void>;
  /**
   * Told the date of a server that refused a credential for its times, if TLS or loopback vouches for that server, and it
   * is at most 15 minutes from this machine's.
   */
  correctClock?(serverDateMs: number): void;
}

/** Headers that could not be had. */
export class CredentialUnavailable extends Error {
  override readonly name = 'CredentialUnavailable';
}

/** Bounds the wait for a credential, so that one that never comes holds nothing up. */
export async function headersWithin(
  ms: number,
  credentials: ExportCredentials,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  if (!credentials.headers) return {};
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ms)]);
  const tooLate = new Promise<never>((_, reject) => {
    limit.addEventListener('abort', () => reject(new CredentialUnavailable('took too long')), { once: true });
  });
  try {
    return await Promise.race([credentials.headers(), tooLate]);
  } catch (error) {
    if (error instanceof CredentialUnavailable) throw error;
    // A foreign message may quote a secret, so only the code is said.
    const code = (error as { code?: unknown } | undefined)?.code;
    throw new CredentialUnavailable(typeof code === 'string' ? code : 'its source failed');
  }
}

/** A header that HTTP gives by its lower-case name. */
export function authorizationOf(headers: Readonly<Record<string, string>>): string | undefined {
  return Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization')?.[1];
}

import { lastAt, messagesAt, textAt } from './wire.ts';

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';

/** The delay that a google.rpc.Status asks for by its RetryInfo detail; undefined if there is none. */
export function retryDelayMsOf(status: Uint8Array): number | undefined {
  try {
    for (const detail of messagesAt(status, 3)) {
      if (textAt(detail, 1) === RETRY_INFO) return durationMs(lastAt(lastAt(detail, 2)?.bytes ?? EMPTY, 1)?.bytes);
    }
  } catch {
    // Not a status: it asks for nothing.
  }
  return undefined;
}

const EMPTY: Uint8Array = new Uint8Array();

/** google.protobuf.Duration. A RetryInfo without one says: at once. */
function durationMs(duration = EMPTY): number {
  const seconds = BigInt.asIntN(64, lastAt(duration, 1)?.number ?? 0n);
  const nanos = BigInt.asIntN(32, lastAt(duration, 2)?.number ?? 0n);
  return Math.max(0, Number(seconds) * 1_000 + Number(nanos) / 1e6);
}

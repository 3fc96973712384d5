import type { CredentialSource } from './contract.ts';
import { ClientError } from './errors.ts';
import { heldCredential } from './held-credential.ts';

/** Settles as `promise` does, or rejects as soon as a signal aborts, for what does not heed its signal. */
export async function abortable<T>(promise: Promise<T>, ...signals: (AbortSignal | undefined)[]): Promise<T> {
  const given = signals.filter(signal => signal !== undefined);
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(given.find(signal => signal.aborted)?.reason);
  });
  if (given.some(signal => signal.aborted)) abort();
  for (const signal of given) signal.addEventListener('abort', abort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    for (const signal of given) signal.removeEventListener('abort', abort);
  }
}

/**
 * Asks a source for a credential, and gives up after `timeoutMs` even on one that never answers.
 *
 * @throws ClientError; the reason of `signal`, when that aborts
 */
export async function boundedCredential(source: CredentialSource, timeoutMs: number, signal?: AbortSignal | null) {
  const held = signal?.aborted ? undefined : heldCredential(source);
  if (held !== undefined) return held;
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), timeoutMs);
  try {
    const either = signal ? AbortSignal.any([deadline.signal, signal]) : deadline.signal;
    return await abortable(source.credential(either), either);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (!deadline.signal.aborted) throw ClientError.from(error);
    throw new ClientError('source_timed_out', `no credential could be had within ${timeoutMs} ms`);
  } finally {
    clearTimeout(timer);
  }
}

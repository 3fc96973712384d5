import type { Ending } from './outcome.ts';
import { isErrorLike, thrown } from './text.ts';

const MAX_CAUSES = 8;

/** Somebody stopped the work. Throw it, or abort with it: `controller.abort(new CancelledError('by alice'))`. */
export class CancelledError extends Error {
  override readonly name = 'CancelledError';
}

/**
 * The piped goes away while the work is still to be done, by another process or after a restart. Throw it, or abort
 * with it. Nothing has ended, so no span says that it did.
 */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
}

/**
 * How work ended that threw `error` while `signal` was given to it.
 *
 * Platform calls answer an abort with an `AbortError` that hides why, so then the signal's own reason decides: a
 * `TimeoutError` is a timeout, an {@link InterruptedError} no end at all, all else a cancellation. An error that is
 * none of these is a failure, even if the signal was aborted too: a bug in the cleanup is a bug.
 */
export function endingOf(error: unknown, signal?: AbortSignal): Ending {
  if (isAbort(error, signal)) {
    for (const cause of [...causes(error), ...causes(signal?.aborted ? signal.reason : undefined)]) {
      const ending = namedEnding(cause);
      if (ending) return ending;
    }
    return { kind: 'ended', outcome: 'cancelled', reason: reasonOf(signal?.aborted ? signal.reason : error) };
  }
  return namedEnding(error) ?? { kind: 'ended', outcome: 'failure', reason: reasonOf(error) };
}

export function reasonOf(error: unknown): string {
  const { name, message } = thrown(error);
  return message === '' ? name : message;
}

function namedEnding(error: unknown): Ending | undefined {
  if (error instanceof InterruptedError) return { kind: 'interrupted', reason: reasonOf(error) };
  if (error instanceof CancelledError) return { kind: 'ended', outcome: 'cancelled', reason: reasonOf(error) };
  if (nameOf(error) === 'TimeoutError') return { kind: 'ended', outcome: 'timed-out', reason: reasonOf(error) };
  return undefined;
}

function isAbort(error: unknown, signal: AbortSignal | undefined): boolean {
  return nameOf(error) === 'AbortError' || (signal?.aborted === true && error === signal.reason);
}

function causes(error: unknown): unknown[] {
  const found: unknown[] = [];
  for (let cause = error; cause !== undefined && found.length < MAX_CAUSES; ) {
    found.push(cause);
    cause = isErrorLike(cause) ? cause.cause : undefined;
  }
  return found;
}

function nameOf(error: unknown): unknown {
  return isErrorLike(error) ? error.name : undefined;
}

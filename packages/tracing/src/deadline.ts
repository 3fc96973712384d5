import type { WorkOptions } from './api.ts';

/** The signal that a piece of work is given: the caller's, joined with one for its time limit. */
export interface Deadline {
  readonly signal: AbortSignal;
  clear(): void;
}

export function deadlineOf({ signal, timeoutMs }: WorkOptions): Deadline {
  if (timeoutMs === undefined) return { signal: signal ?? new AbortController().signal, clear: () => {} };
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new DOMException(`timed out after ${timeoutMs} ms`, 'TimeoutError')),
    timeoutMs,
  );
  return {
    signal: signal ? AbortSignal.any([signal, controller.signal]) : controller.signal,
    clear: () => clearTimeout(timer),
  };
}

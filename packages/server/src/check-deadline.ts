import { AuthenticationError } from './refusals.ts';

/**
 * The time bound of one check. The signal and its timer exist only from the moment somebody has to wait: a known answer
 * needs neither.
 */
export class CheckDeadline {
  readonly #timeoutMs: number;
  readonly #outer: AbortSignal | undefined;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #expire: (() => void) | undefined;
  #giveUp: ((reason: unknown) => void) | undefined;

  constructor(timeoutMs: number, outer: AbortSignal | undefined) {
    this.#timeoutMs = timeoutMs;
    this.#outer = outer;
  }

  get signal(): AbortSignal {
    if (this.#controller !== undefined) return this.#controller.signal;
    const controller = new AbortController();
    const expire = () => {
      controller.abort(new AuthenticationError('check_timeout'));
      this.#giveUp?.(controller.signal.reason);
    };
    this.#controller = controller;
    this.#expire = expire;
    this.#timer = setTimeout(expire, this.#timeoutMs);
    this.#outer?.addEventListener('abort', expire, { once: true });
    if (this.#outer?.aborted) expire();
    return controller.signal;
  }

  /**
   * Ends the waiting, though not the work, when time is up or the caller gives up: `check_timeout`. For one work at a
   * time. A listener of the signal would cost more than all the rest of this.
   */
  bound<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      this.#giveUp = reject;
      if (signal.aborted) reject(signal.reason);
      work.then(resolve, reject);
    });
  }

  end(): void {
    if (this.#expire === undefined) return;
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#expire);
  }
}

/** Rejects with the signal's reason as soon as it is aborted; the work itself goes on for whoever else waits for it. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    work.then(
      value => {
        signal.removeEventListener('abort', abort);
        resolve(value);
      },
      error => {
        signal.removeEventListener('abort', abort);
        reject(error);
      },
    );
  });
}

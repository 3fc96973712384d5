import { AuthenticationError } from './refusals.ts';

/**
 * The time bound of one check. Its timer exists only from the moment somebody has to wait, and its signal only where
 * somebody asks for it: a known answer needs neither.
 */
export class CheckDeadline {
  readonly #timeoutMs: number;
  readonly #outer: AbortSignal | undefined;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #expire: (() => void) | undefined;
  #expired: AuthenticationError | undefined;
  #giveUp: ((reason: AuthenticationError) => void) | undefined;

  constructor(timeoutMs: number, outer: AbortSignal | undefined) {
    this.#timeoutMs = timeoutMs;
    this.#outer = outer;
  }

  get signal(): AbortSignal {
    this.#start();
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#expired !== undefined) this.#controller.abort(this.#expired);
    }
    return this.#controller.signal;
  }

  /**
   * Ends the waiting, though not the work, when time is up or the caller gives up: `check_timeout`. For one work at a
   * time. A signal and its listener would cost more than all the rest of this.
   */
  bound<T>(work: Promise<T>): Promise<T> {
    this.#start();
    return new Promise((resolve, reject) => {
      this.#giveUp = reject;
      if (this.#expired !== undefined) reject(this.#expired);
      work.then(resolve, reject);
    });
  }

  end(): void {
    if (this.#expire === undefined) return;
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#expire);
  }

  #start(): void {
    if (this.#expire !== undefined) return;
    const expire = () => {
      this.#expired ??= new AuthenticationError('check_timeout');
      this.#controller?.abort(this.#expired);
      this.#giveUp?.(this.#expired);
    };
    this.#expire = expire;
    this.#timer = setTimeout(expire, this.#timeoutMs);
    this.#outer?.addEventListener('abort', expire, { once: true });
    if (this.#outer?.aborted) expire();
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

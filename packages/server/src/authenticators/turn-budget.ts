export interface TurnBudgetOptions {
  /** Time that may be spent in one turn of the event loop, in milliseconds. */
  readonly maxMs: number;
  /** Clock, in milliseconds. Default `performance.now`. */
  readonly clock?: () => number;
  /** Calls back when the turn is over. Default `setImmediate`, which comes when all that had arrived was looked at. */
  readonly afterTurn?: (over: () => void) => void;
}

/**
 * Bounds what is done at once in a turn of the event loop, so that nobody else is kept waiting for longer. What finds no
 * time is done in one of the next turns, first come first served; between two turns all else goes on.
 */
export class TurnBudget {
  readonly #maxMs: number;
  readonly #clock: () => number;
  readonly #afterTurn: (over: () => void) => void;
  readonly #waiting: (() => void)[] = [];
  #leftMs: number;
  #untouched = true;

  constructor({ maxMs, clock = () => performance.now(), afterTurn = setImmediate }: TurnBudgetOptions) {
    this.#maxMs = maxMs;
    this.#clock = clock;
    this.#afterTurn = afterTurn;
    this.#leftMs = maxMs;
  }

  /** Whether this turn has time left: whatever is begun then is finished. */
  get hasTime(): boolean {
    return this.#leftMs > 0;
  }

  /** Does it at once, and counts the time. */
  spend<T>(work: { now(): T }): T {
    this.#watchTurn();
    const begunAt = this.#clock();
    try {
      return work.now();
    } finally {
      this.#leftMs -= this.#clock() - begunAt;
    }
  }

  /** Does it in the first turn that has time for it; not in this one. */
  later<T>(work: { now(): T }): Promise<T> {
    return this.whenItHasTime(() => this.spend(work));
  }

  /** Calls back in the first turn that has time; not in this one. What is to count goes through `spend`. */
  whenItHasTime<T>(callBack: () => T): Promise<T> {
    this.#watchTurn();
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(callBack());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #watchTurn(): void {
    if (!this.#untouched) return;
    this.#untouched = false;
    this.#afterTurn(() => {
      this.#untouched = true;
      this.#leftMs = this.#maxMs;
      // At least one, so that all of it is done at last, whatever the bound.
      do this.#waiting.shift()?.();
      while (this.hasTime && this.#waiting.length > 0);
      if (this.#waiting.length > 0) this.#watchTurn();
    });
  }
}

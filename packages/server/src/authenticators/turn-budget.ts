export interface TurnBudgetOptions {
  /** Time that may be spent in one turn of the event loop, in milliseconds. */
  readonly maxMs: number;
  /** Clock, in milliseconds. Default `performance.now`. */
  readonly clock?: () => number;
  /** Calls back when the turn is over. Default `setImmediate`, which comes when all that had arrived was looked at. */
  readonly afterTurn?: (over: () => void) => void;
}

/**
 * Bounds what is done at once in a turn of the event loop. Handing a signature to another thread and being told of the
 * result costs as much again as half of verifying it; doing all of them at once would keep everybody else waiting.
 */
export class TurnBudget {
  readonly #maxMs: number;
  readonly #clock: () => number;
  readonly #afterTurn: (over: () => void) => void;
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

  spend<T>(work: () => T): T {
    if (this.#untouched) {
      this.#untouched = false;
      this.#afterTurn(() => {
        this.#untouched = true;
        this.#leftMs = this.#maxMs;
      });
    }
    const begunAt = this.#clock();
    try {
      return work();
    } finally {
      this.#leftMs -= this.#clock() - begunAt;
    }
  }
}

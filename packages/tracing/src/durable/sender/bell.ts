import type { Clock } from '../clock.ts';

/** Lets a loop wait for whichever comes first: a ring, or a time. A ring while nobody waits is kept for the next. */
export class Bell {
  readonly #clock: Clock;
  readonly #waiting = new Set<(rang: boolean) => void>();
  #kept = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    this.#kept = this.#waiting.size === 0;
    for (const wake of this.#waiting) wake(true);
  }

  /** Whether the bell rang before the time was over. */
  async wait(ms?: number): Promise<boolean> {
    if (this.#kept) {
      this.#kept = false;
      return true;
    }
    return new Promise(resolve => {
      const wake = (rang: boolean) => {
        cancel();
        this.#waiting.delete(wake);
        resolve(rang);
      };
      const cancel = ms === undefined ? () => {} : this.#clock.after(ms, () => wake(false));
      this.#waiting.add(wake);
    });
  }
}

/** Exponential back-off with jitter: doubled on each failure, and then a random half to whole of it. */
export class Backoff {
  readonly #initialMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #failures = 0;

  constructor(initialMs: number, maxMs: number, random: () => number) {
    this.#initialMs = initialMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  nextMs(): number {
    const ms = Math.min(this.#maxMs, this.#initialMs * 2 ** Math.min(this.#failures++, 30));
    return this.jittered(ms);
  }

  jittered(ms: number): number {
    return Math.ceil(ms / 2 + (this.#random() * ms) / 2);
  }

  reset(): void {
    this.#failures = 0;
  }
}

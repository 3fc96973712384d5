import type { Clock } from '../clock.ts';

/** Stands still until a test moves it. */
export class FakeClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  readonly #timers = new Set<{ atMs: number; fn: () => void }>();

  constructor(wallMs = Date.UTC(2030, 0, 1)) {
    this.#wallMs = wallMs;
  }

  now = (): number => this.#wallMs;

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { atMs: this.#monotonicMs + ms, fn };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Time passes; what is due runs, in its order. */
  advance(ms: number): void {
    const endMs = this.#monotonicMs + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(timer => timer.atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
      if (!next) break;
      this.#timers.delete(next);
      this.#move(Math.max(0, next.atMs - this.#monotonicMs));
      next.fn();
    }
    this.#move(endMs - this.#monotonicMs);
  }

  /** The wall clock jumps; no time passes. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }

  /** How long until each timer that is set, in milliseconds. */
  get waits(): number[] {
    return [...this.#timers].map(timer => timer.atMs - this.#monotonicMs).sort((a, b) => a - b);
  }

  #move(ms: number): void {
    this.#monotonicMs += ms;
    this.#wallMs += ms;
  }
}

/** Time, as the spool and the sender see it; tests put in one that stands still. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump. */
  now(): number;
  /** Milliseconds since some start. Never jumps. */
  monotonicMs(): number;
  /** Calls `fn` once, later; the answer cancels it. Never keeps the process alive. */
  after(ms: number, fn: () => void): () => void;
}

export const systemClock: Clock = Object.freeze({
  now: Date.now,
  monotonicMs: () => performance.now(),
  after(ms: number, fn: () => void) {
    const timer = setTimeout(fn, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
});

/** More than this between two clocks is not drift: one of them was stopped or set. */
const JUMP_MS = 1000;

/**
 * A clock that only ever goes forward, in milliseconds. It is the monotonic clock, plus the time for which the machine
 * was suspended: the monotonic clock stands still meanwhile, and what was fresh before would seem fresh afterwards.
 * A wall clock that is set forward looks the same, and costs a reconnect; one that is set back is ignored.
 *
 * @param monotonicNow default `performance.now`
 * @param wallNow default `Date.now`
 */
export function createSteadyClock(
  monotonicNow: () => number = () => performance.now(),
  wallNow: () => number = Date.now,
): () => number {
  let lastMonotonic = monotonicNow();
  let lastWall = wallNow();
  let suspendedMs = 0;
  return () => {
    const monotonic = monotonicNow();
    const wall = wallNow();
    const missing = wall - lastWall - (monotonic - lastMonotonic);
    if (missing > JUMP_MS) suspendedMs += missing;
    lastMonotonic = monotonic;
    lastWall = wall;
    return monotonic + suspendedMs;
  };
}

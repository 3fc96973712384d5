export interface LineBudgetOptions {
  /** Lines a second for each key. */
  readonly maxPerSecond: number;
  /** Clock, in milliseconds. */
  readonly now: () => number;
}

interface Window {
  second: number;
  lines: number;
  leftOut: number;
  timer: NodeJS.Timeout | undefined;
}

/** How long a count waits for the next line of its kind before it gets one of its own, in milliseconds. */
const TELL_AFTER_MS = 1000;

/** Bounds the lines that a log gets of each kind, so that nobody can flood it, and counts those that it does not get. */
export class LineBudget<Key> {
  readonly #windows = new Map<Key, Window>();
  readonly #options: LineBudgetOptions;
  readonly #tellLeftOut: (key: Key, lines: number) => void;

  /** @param tellLeftOut writes the line for those left out, when no other one of their kind came to tell of them */
  constructor(options: LineBudgetOptions, tellLeftOut: (key: Key, lines: number) => void) {
    this.#options = options;
    this.#tellLeftOut = tellLeftOut;
  }

  /** How many of this kind were left out since its last line; nothing if this one is to be left out too. */
  take(key: Key): number | undefined {
    const { maxPerSecond, now } = this.#options;
    const window = this.#windows.get(key) ?? { second: 0, lines: 0, leftOut: 0, timer: undefined };
    this.#windows.set(key, window);
    const second = Math.floor(now() / 1000);
    if (second !== window.second) Object.assign(window, { second, lines: 0 });
    if (window.lines >= maxPerSecond) {
      window.leftOut++;
      window.timer ??= setTimeout(() => this.#tell(key, window), TELL_AFTER_MS).unref();
      return undefined;
    }
    window.lines++;
    return settle(window);
  }

  #tell(key: Key, window: Window): void {
    const leftOut = settle(window);
    if (leftOut > 0) this.#tellLeftOut(key, leftOut);
  }
}

function settle(window: Window): number {
  clearTimeout(window.timer);
  window.timer = undefined;
  const { leftOut } = window;
  window.leftOut = 0;
  return leftOut;
}

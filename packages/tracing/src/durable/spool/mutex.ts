/** One holder at a time, in the order of asking. */
export class Mutex {
  #tail: Promise<void> = Promise.resolve();
  #holders = 0;

  get isHeld(): boolean {
    return this.#holders > 0;
  }

  /** Resolves with the function that gives it back; calling that twice does nothing. */
  async acquire(): Promise<() => void> {
    const before = this.#tail;
    let free = () => {};
    this.#tail = new Promise(resolve => {
      free = resolve;
    });
    this.#holders++;
    await before;
    let held = true;
    return () => {
      if (held) this.#holders--;
      held = false;
      free();
    };
  }
}

/** What is to be stopped, in reverse order of its start, and once. Node 20 has no AsyncDisposableStack. */
export class Cleanup {
  readonly #steps: (() => PromiseLike<void> | void)[] = [];
  #done: Promise<void> | undefined;

  add(step: () => PromiseLike<void> | void): void {
    this.#steps.push(step);
  }

  run(): Promise<void> {
    this.#done ??= this.#runAll();
    return this.#done;
  }

  async #runAll(): Promise<void> {
    const errors: unknown[] = [];
    for (const step of this.#steps.reverse()) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'not all could be stopped');
  }
}

/** What has been started, to be stopped in the opposite order; a stop that fails does not keep the others from it. */
export class Cleanup implements AsyncDisposable {
  readonly #started: AsyncDisposable[] = [];

  add<T extends AsyncDisposable>(started: T): T {
    this.#started.push(started);
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let next = this.#started.pop(); next; next = this.#started.pop()) {
      try {
        await next[Symbol.asyncDispose]();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'not all could be stopped cleanly');
  }
}

type Undo = () => PromiseLike<void> | void;

/**
 * What a suite has set up, undone in reverse order by `dispose()`, each step of it even when another fails. Give it to the `start…`
 * functions of this folder and dispose of it in `afterAll`.
 */
export class Stage {
  readonly #undos: Undo[] = [];

  defer(undo: Undo): void {
    this.#undos.push(undo);
  }

  async dispose(): Promise<void> {
    const errors: unknown[] = [];
    for (let undo = this.#undos.pop(); undo !== undefined; undo = this.#undos.pop()) {
      try {
        await undo();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, `teardown: ${errors.map(String).join('; ')}`);
  }
}

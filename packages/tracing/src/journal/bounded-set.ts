/** Forgets what came first when it is full. */
export class BoundedSet<T> {
  readonly #max: number;
  readonly #values = new Set<T>();

  constructor(max: number) {
    this.#max = max;
  }

  add(value: T): void {
    this.#values.delete(value);
    this.#values.add(value);
    if (this.#values.size <= this.#max) return;
    for (const oldest of this.#values) {
      this.#values.delete(oldest);
      return;
    }
  }

  has(value: T): boolean {
    return this.#values.has(value);
  }

  delete(value: T): void {
    this.#values.delete(value);
  }
}

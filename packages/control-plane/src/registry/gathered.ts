export interface GatheredOptions<K, V> {
  /** Asks for all of these at once; what it resolves with answers each of them. */
  read(keys: readonly K[]): Promise<(key: K) => V>;
  readonly maxUnderWay: number;
  readonly maxKeys: number;
}

/**
 * Questions of the same moment, asked together. An answer is never older than its question: each read is begun after
 * the last question that it answers.
 */
export class Gathered<K, V> {
  readonly #options: GatheredOptions<K, V>;
  #waiting: { readonly key: K; readonly resolve: (value: V) => void; readonly reject: (error: unknown) => void }[] = [];
  #underWay = 0;
  #scheduled = false;

  constructor(options: GatheredOptions<K, V>) {
    this.#options = options;
  }

  /** Rejects as `read` does. */
  ask(key: K): Promise<V> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, resolve, reject });
      this.#schedule();
    });
  }

  /** Once what the network has brought together is here. */
  #schedule(): void {
    if (this.#scheduled || this.#underWay >= this.#options.maxUnderWay) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#readNext();
    });
  }

  async #readNext(): Promise<void> {
    const asked = this.#waiting.splice(0, this.#options.maxKeys);
    if (asked.length === 0) return;
    this.#underWay++;
    if (this.#waiting.length > 0) this.#schedule();
    try {
      const answerTo = await this.#options.read([...new Set(asked.map(({ key }) => key))]);
      for (const { key, resolve } of asked) resolve(answerTo(key));
    } catch (error) {
      for (const { reject } of asked) reject(error);
    } finally {
      this.#underWay--;
      if (this.#waiting.length > 0) this.#schedule();
    }
  }
}

import type { Algorithm } from '../algorithms.ts';
import { IssuerError } from './errors.ts';
import { type IssuerKey, type KeySet, keyName, parseKeySet } from './key-set.ts';

export interface IssuerKeysOptions {
  /** Gets the issuer's JWK set, within a time and a size. */
  readonly fetchKeySet: () => Promise<unknown>;
  readonly algorithms: readonly Algorithm[];
  /** After this the set is fetched again, in milliseconds. */
  readonly maxAgeMs: number;
  /** For so long an old set serves while the issuer can't be reached, in milliseconds since it was fetched. */
  readonly maxStaleMs: number;
  /** From one fetch to the next that an unknown kid brings about, in milliseconds. */
  readonly cooldownMs: number;
  /** From a failed fetch to the next, in milliseconds. */
  readonly retryMs: number;
  /** Steady clock, in milliseconds. */
  readonly clock: () => number;
}

/** Kids that were looked for in vain, to be remembered. One that falls out is only answered more cautiously. */
const MAX_ABSENT = 1000;

/**
 * The keys of one issuer, as far as they may be believed:
 * - a set serves for `maxAgeMs`; the next question fetches it anew, once however many ask;
 * - if that fails, the old set serves on until `maxStaleMs`, and the issuer is left alone for `retryMs`;
 * - a kid that is not in a fresh set may be that of a new key, so the set is fetched, at most every `cooldownMs`. Only a
 *   fetch that began after the kid was seen can tell that it is unknown; until then the answer is "ask again later".
 */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  /** The newest last. */
  readonly #absentUntil = new Map<string, number>();
  #set: { readonly keys: KeySet; readonly at: number } | undefined;
  #lastFetchAt = Number.NEGATIVE_INFINITY;
  #failure: unknown;
  #fetching: Promise<void> | undefined;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  /** The key at hand, if it may be believed without asking the issuer. The same object for as long as it is the same. */
  peek(kid: string, alg: Algorithm): IssuerKey | undefined {
    return this.#believed()?.get(keyName(kid, alg));
  }

  /**
   * The key; none if the issuer has no such key.
   *
   * @throws IssuerError when that can't be told now
   */
  async get(kid: string, alg: Algorithm): Promise<IssuerKey | undefined> {
    const known = this.peek(kid, alg);
    if (known !== undefined) return known;
    const name = keyName(kid, alg);
    if (this.#isFresh() && this.#options.clock() < (this.#absentUntil.get(name) ?? 0)) return undefined;
    const joined = this.#fetching !== undefined;
    if (!joined && this.#isCooling()) throw this.#unavailable();
    await this.#fetchOnce();
    const found = this.peek(kid, alg);
    if (found !== undefined) return found;
    if (joined || !this.#isFresh()) throw this.#unavailable();
    this.#noteAbsent(name);
    return undefined;
  }

  #noteAbsent(name: string): void {
    this.#absentUntil.delete(name);
    this.#absentUntil.set(name, this.#options.clock() + this.#options.cooldownMs);
    const [oldest] = this.#absentUntil.keys();
    if (this.#absentUntil.size > MAX_ABSENT && oldest !== undefined) this.#absentUntil.delete(oldest);
  }

  #believed(): KeySet | undefined {
    const serves = this.#isFresh() || (this.#failure !== undefined && this.#isCooling() && this.#isUsable());
    return serves ? this.#set?.keys : undefined;
  }

  #isFresh(): boolean {
    return this.#ageMs() <= this.#options.maxAgeMs;
  }

  #isUsable(): boolean {
    return this.#ageMs() <= this.#options.maxStaleMs;
  }

  #ageMs(): number {
    return this.#set === undefined ? Number.POSITIVE_INFINITY : this.#options.clock() - this.#set.at;
  }

  /** An old set alone is no reason to wait: only a fetch that failed, or did not have what was asked for, is. */
  #isCooling(): boolean {
    const waitedMs = this.#options.clock() - this.#lastFetchAt;
    if (this.#failure !== undefined) return waitedMs < this.#options.retryMs;
    return this.#isFresh() && waitedMs < this.#options.cooldownMs;
  }

  #fetchOnce(): Promise<void> {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetch(): Promise<void> {
    const at = this.#options.clock();
    this.#lastFetchAt = at;
    try {
      const document = await this.#options.fetchKeySet();
      this.#set = { keys: parseKeySet(document, this.#options.algorithms, this.#set?.keys), at };
      this.#failure = undefined;
    } catch (error) {
      this.#failure = error;
      // From its end: an issuer that takes long to fail is not asked again at once.
      this.#lastFetchAt = this.#options.clock();
    }
  }

  #unavailable(): IssuerError {
    return new IssuerError('the keys of the issuer can not be looked up right now', { cause: this.#failure });
  }
}

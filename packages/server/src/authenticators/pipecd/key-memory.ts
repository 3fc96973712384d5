import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { wholeNumber } from '../../options.ts';

export interface KeyMemoryOptions {
  readonly maxVerified: number;
  readonly maxWrong: number;
  readonly wrongTtlMs: number;
  /** Steady clock, in milliseconds. */
  readonly clock: () => number;
}

/** Stands for a credential that can't be told from it: an HMAC under a key that only this process ever has. */
export type Fingerprint = string & { readonly brand: unique symbol };

/**
 * Remembers which hash a credential was verified against, and, apart from those, which credentials are wrong: a flood
 * of made-up ones drives out none that was verified. Keeps no credential.
 */
export class KeyMemory {
  readonly #secret = randomBytes(32);
  readonly #verified: LRUCache<Fingerprint, string>;
  readonly #wrong: LRUCache<Fingerprint, { readonly hashes: string; readonly until: number }>;
  readonly #wrongTtlMs: number;
  readonly #clock: () => number;

  constructor({ maxVerified, maxWrong, wrongTtlMs, clock }: KeyMemoryOptions) {
    this.#verified = new LRUCache({ max: wholeNumber('maxVerified', maxVerified) });
    this.#wrong = new LRUCache({ max: wholeNumber('maxWrong', maxWrong) });
    this.#wrongTtlMs = wholeNumber('wrongTtlMs', wrongTtlMs, 0);
    this.#clock = clock;
  }

  fingerprint(credential: string): Fingerprint {
    return createHmac('sha256', this.#secret).update(credential).digest('base64') as Fingerprint;
  }

  /** The hash that the credential belongs to, if it is still among these. */
  verified(fingerprint: Fingerprint, hashes: readonly string[]): string | undefined {
    const hash = this.#verified.get(fingerprint);
    if (hash === undefined || hashes.includes(hash)) return hash;
    this.#verified.delete(fingerprint);
    return undefined;
  }

  /** Whether the credential was compared with just these hashes a short while ago, and belongs to none. */
  isWrong(fingerprint: Fingerprint, hashes: readonly string[]): boolean {
    const entry = this.#wrong.get(fingerprint);
    if (entry === undefined) return false;
    if (entry.hashes === hashes.join() && this.#clock() < entry.until) return true;
    this.#wrong.delete(fingerprint);
    return false;
  }

  remember(fingerprint: Fingerprint, hashes: readonly string[], match: string | undefined): void {
    if (match !== undefined) this.#verified.set(fingerprint, match);
    else this.#wrong.set(fingerprint, { hashes: hashes.join(), until: this.#clock() + this.#wrongTtlMs });
  }
}

import type { KeyRecord } from '@spanpass/credential';
import { LRUCache } from 'lru-cache';
import { applyChange, type Change, concerns } from './changes.ts';

export interface KeyCacheOptions {
  readonly maxRecords: number;
  readonly maxUnknown: number;
  readonly unknownTtlMs: number;
  /** Steady clock, in milliseconds. */
  readonly clock: () => number;
}

/**
 * The records at hand, and apart from them the kids that no key has: a flood of made-up ones drives out no record.
 * Whether any of it may be believed is for others to say.
 */
export class KeyCache {
  readonly #records: LRUCache<string, KeyRecord>;
  readonly #unknownUntil: LRUCache<string, number>;
  readonly #unknownTtlMs: number;
  readonly #clock: () => number;

  constructor({ maxRecords, maxUnknown, unknownTtlMs, clock }: KeyCacheOptions) {
    this.#records = new LRUCache({ max: maxRecords });
    this.#unknownUntil = new LRUCache({ max: maxUnknown });
    this.#unknownTtlMs = unknownTtlMs;
    this.#clock = clock;
  }

  get(kid: string): KeyRecord | undefined {
    return this.#records.get(kid);
  }

  /** Kids of the records at hand, those used last first. */
  kids(max: number): string[] {
    const kids: string[] = [];
    for (const kid of this.#records.keys()) if (kids.push(kid) >= max) break;
    return kids;
  }

  isUnknown(kid: string): boolean {
    const until = this.#unknownUntil.get(kid);
    if (until === undefined) return false;
    if (this.#clock() < until) return true;
    this.#unknownUntil.delete(kid);
    return false;
  }

  put(kid: string, record: KeyRecord | undefined): void {
    if (record === undefined) {
      this.#records.delete(kid);
      this.#unknownUntil.set(kid, this.#clock() + this.#unknownTtlMs);
    } else {
      this.#unknownUntil.delete(kid);
      // Under its own text, so that the one it was asked for by is not kept as well.
      this.#records.set(record.kid, record);
    }
  }

  apply(change: Change): void {
    if (change.kind === 'key') {
      this.#unknownUntil.delete(change.record.kid);
      const record = this.#records.peek(change.record.kid);
      if (record !== undefined) this.#applyTo(record, change);
      return;
    }
    for (const record of [...this.#records.values()]) if (concerns(change, record)) this.#applyTo(record, change);
  }

  clear(): void {
    this.#records.clear();
    this.#unknownUntil.clear();
  }

  #applyTo(record: KeyRecord, change: Change): void {
    const changed = applyChange(record, change);
    if (changed === undefined) this.#records.delete(record.kid);
    else if (changed !== record) this.#records.set(record.kid, changed);
  }
}

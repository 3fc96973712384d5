import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';
import { wholeNumber } from '../options.ts';

export interface TokenBucketOptions {
  /** Tokens that an address gets back each second. */
  readonly perSecond: number;
  /** Tokens that it can save up. */
  readonly burst: number;
  /** Addresses to remember. */
  readonly maxAddresses: number;
  /** Steady clock, in milliseconds. */
  readonly clock: () => number;
}

/** A token bucket per network address; an IPv6 network (/64) counts as one, as it belongs to one subscriber. */
export class TokenBuckets {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #clock: () => number;
  readonly #buckets: LRUCache<string, Bucket>;

  constructor({ perSecond, burst, maxAddresses, clock }: TokenBucketOptions) {
    this.#perSecond = wholeNumber('perSecond', perSecond);
    this.#burst = wholeNumber('burst', burst);
    this.#clock = clock;
    this.#buckets = new LRUCache({ max: wholeNumber('maxAddresses', maxAddresses) });
  }

  /** Whether there is a token. */
  has(address: string): boolean {
    return this.of(address).has;
  }

  /** Takes a token, if there is one. */
  take(address: string): boolean {
    return this.of(address).take();
  }

  /** Gives back a token that was taken for something harmless. */
  giveBack(address: string): void {
    this.of(address).giveBack();
  }

  /** The address's own, as it is now: for whoever asks several things of it at once. */
  of(address: string): Bucket {
    const network = networkOf(address);
    const now = this.#clock();
    let bucket = this.#buckets.get(network);
    if (bucket === undefined) {
      bucket = new Bucket(this.#burst, now);
      this.#buckets.set(network, bucket);
    } else bucket.fill(this.#perSecond, now);
    return bucket;
  }
}

export class Bucket {
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor(burst: number, at: number) {
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = at;
  }

  get has(): boolean {
    return this.#tokens >= 1;
  }

  take(): boolean {
    if (!this.has) return false;
    this.#tokens--;
    return true;
  }

  giveBack(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + 1);
  }

  fill(perSecond: number, now: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1000) * perSecond);
    this.#at = now;
  }
}

function networkOf(address: string): string {
  // Most are IPv4, and a regular expression takes its time to say so.
  if (!address.includes(':')) return address.slice(0, 64);
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address.slice(0, 64);
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - groups.length - rest.length)).fill('0');
  return [...groups, ...zeros, ...rest]
    .slice(0, 4)
    .map(group => Number.parseInt(group, 16))
    .join(':');
}

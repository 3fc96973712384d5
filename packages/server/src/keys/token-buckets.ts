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
  readonly #buckets: LRUCache<string, { tokens: number; at: number }>;

  constructor({ perSecond, burst, maxAddresses, clock }: TokenBucketOptions) {
    this.#perSecond = wholeNumber('perSecond', perSecond);
    this.#burst = wholeNumber('burst', burst);
    this.#clock = clock;
    this.#buckets = new LRUCache({ max: wholeNumber('maxAddresses', maxAddresses) });
  }

  /** Whether there is a token. */
  has(address: string): boolean {
    return this.#bucket(address).tokens >= 1;
  }

  /** Takes a token, if there is one. */
  take(address: string): boolean {
    const bucket = this.#bucket(address);
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  /** Gives back a token that was taken for something harmless. */
  giveBack(address: string): void {
    const bucket = this.#bucket(address);
    bucket.tokens = Math.min(this.#burst, bucket.tokens + 1);
  }

  #bucket(address: string): { tokens: number; at: number } {
    const network = networkOf(address);
    const now = this.#clock();
    let bucket = this.#buckets.get(network);
    if (bucket === undefined) {
      bucket = { tokens: this.#burst, at: now };
      this.#buckets.set(network, bucket);
    }
    bucket.tokens = Math.min(this.#burst, bucket.tokens + ((now - bucket.at) / 1000) * this.#perSecond);
    bucket.at = now;
    return bucket;
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

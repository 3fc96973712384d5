export interface RateBoundOptions {
  readonly burst: number;
  readonly perSecond: number;
  /** How many callers are remembered at once. Default 10,000; the one not heard of for longest is forgotten first. */
  readonly maxCallers?: number;
  /** Steady clock, in milliseconds. */
  readonly clock: () => number;
}

/** A token bucket per caller, in bounded memory. */
export class RateBound {
  readonly #options: Required<RateBoundOptions>;
  /** In the order of their last attempt. */
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(options: RateBoundOptions) {
    this.#options = { maxCallers: 10_000, ...options };
  }

  /** Takes one token; returns 0 if there was one, and else the seconds until there is. */
  take(caller: string): number {
    const { burst, perSecond, maxCallers, clock } = this.#options;
    const now = clock();
    const known = this.#buckets.get(caller) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, known.tokens + (Math.max(0, now - known.at) / 1000) * perSecond);
    const allowed = tokens >= 1;
    this.#buckets.delete(caller);
    this.#buckets.set(caller, { tokens: allowed ? tokens - 1 : tokens, at: now });
    if (this.#buckets.size > maxCallers) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return allowed ? 0 : (1 - tokens) / perSecond;
  }
}

/** Who counts as one caller: an IPv4 address, or the /64 that an IPv6 host may choose its addresses from. */
export function callerOf(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address;
  const [head = ''] = address.split('::');
  return `${head.split(':').slice(0, 4).join(':')}::/64`;
}

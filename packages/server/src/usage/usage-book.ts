import type { Decision, Observer } from '../observer.ts';
import { wholeNumber } from '../options.ts';
import type { RefusalCode } from '../refusals.ts';

/** What `POST /v1/reports/usage` takes. Times are NumericDate seconds. */
export interface UsageReport {
  readonly keys: readonly { readonly kid: string; readonly lastUsedAt: number }[];
  readonly refusals: readonly RefusalEntry[];
  /** Known by something else than their own key. Left out where there are none: older control planes do not know it. */
  readonly pipeds?: readonly PipedEntry[];
  /** What did not fit since the last report. */
  readonly dropped: number;
}

interface PipedEntry {
  readonly project: string;
  readonly piped: string;
  readonly authenticator: string;
  readonly lastUsedAt: number;
}

interface RefusalEntry {
  readonly kid: string;
  /** The key signed for what was refused; else it was only named in it, by whoever sent it. */
  readonly verified: boolean;
  readonly count: number;
  readonly lastReason: RefusalCode;
  readonly lastAt: number;
}

interface Refused {
  count: number;
  lastReason: RefusalCode;
  lastAt: number;
}

export interface UsageBookOptions {
  /** Keys to remember, and as many refusals of each kind. Default 10,000; what does not fit is counted. */
  readonly maxKeys?: number;
  /** Wall clock, in milliseconds. Default `Date.now`. */
  readonly now?: () => number;
}

/**
 * Remembers which keys were used, and what was refused of whom, until that is reported. It is told of keys that the
 * control plane has named, and of no made-up ones, and its memory is bounded besides.
 */
export class UsageBook implements Pick<Observer, 'decided'> {
  readonly #maxKeys: number;
  readonly #now: () => number;
  readonly #used = new Map<string, number>();
  readonly #verified = new Map<string, Refused>();
  readonly #claimed = new Map<string, Refused>();
  readonly #pipeds = new Map<string, PipedEntry>();
  #dropped = 0;

  constructor({ maxKeys = 10_000, now = Date.now }: UsageBookOptions = {}) {
    this.#maxKeys = wholeNumber('maxKeys', maxKeys);
    this.#now = now;
  }

  readonly decided = ({ authenticator, owner, refused }: Decision): void => {
    if (refused === undefined) {
      // Other authenticators' credentials have ids of other kinds.
      if (owner === undefined || authenticator === undefined) return;
      if (authenticator === 'piped-jwt') this.#use(owner.credentialId, this.#nowSeconds());
      else if (NAME.test(authenticator)) this.#seen({ ...owner, authenticator, lastUsedAt: this.#nowSeconds() });
      return;
    }
    if (refused.refusal.outcome === 'unavailable') return;
    const { code, owner: proven, claimedOwner } = refused;
    const kid = (proven ?? claimedOwner)?.credentialId;
    if (kid === undefined || !isKid(kid)) return;
    const entry = { count: 1, lastReason: code, lastAt: this.#nowSeconds() };
    this.#refuse(proven ? this.#verified : this.#claimed, kid, entry);
  };

  get isEmpty(): boolean {
    return this.#used.size + this.#verified.size + this.#claimed.size + this.#pipeds.size + this.#dropped === 0;
  }

  /** Takes out what is to be reported next, at most `maxEntries` of keys and of refusals. */
  take(maxEntries: number): UsageReport {
    const keys = takeFrom(this.#used, maxEntries).map(([kid, lastUsedAt]) => ({ kid, lastUsedAt }));
    const verified = takeFrom(this.#verified, maxEntries).map(([kid, entry]) => ({ kid, verified: true, ...entry }));
    const claimed = takeFrom(this.#claimed, maxEntries - verified.length);
    const pipeds = takeFrom(this.#pipeds, maxEntries).map(([, entry]) => entry);
    const dropped = this.#dropped;
    this.#dropped = 0;
    return {
      keys,
      refusals: [...verified, ...claimed.map(([kid, entry]) => ({ kid, verified: false, ...entry }))],
      ...(pipeds.length > 0 && { pipeds }),
      dropped,
    };
  }

  /** Takes back what could not be reported. */
  putBack({ keys, refusals, pipeds = [], dropped }: UsageReport): void {
    for (const { kid, lastUsedAt } of keys) this.#use(kid, lastUsedAt);
    for (const { kid, verified, ...entry } of refusals) {
      this.#refuse(verified ? this.#verified : this.#claimed, kid, entry);
    }
    for (const entry of pipeds) this.#seen(entry);
    this.#dropped += dropped;
  }

  #seen({ project, piped, authenticator, lastUsedAt }: PipedEntry): void {
    const id = `${project}/${piped}/${authenticator}`;
    const known = this.#pipeds.get(id);
    if (known === undefined && this.#pipeds.size >= this.#maxKeys) this.#dropped++;
    else if (known === undefined || known.lastUsedAt < lastUsedAt)
      this.#pipeds.set(id, { project, piped, authenticator, lastUsedAt });
  }

  #use(kid: string, at: number): void {
    const known = this.#used.get(kid);
    if (known === undefined && this.#used.size >= this.#maxKeys) this.#dropped++;
    else if (known === undefined || known < at) this.#used.set(kid, at);
  }

  #refuse(refusals: Map<string, Refused>, kid: string, { count, lastReason, lastAt }: Refused): void {
    const known = refusals.get(kid);
    if (known === undefined) {
      if (refusals.size >= this.#maxKeys) this.#dropped += count;
      else refusals.set(kid, { count, lastReason, lastAt });
      return;
    }
    known.count += count;
    if (lastAt < known.lastAt) return;
    known.lastReason = lastReason;
    known.lastAt = lastAt;
  }

  #nowSeconds(): number {
    return Math.floor(this.#now() / 1000);
  }
}

/** Names of authenticators that a report takes. */
const NAME = /^[a-z][a-z0-9-]{0,31}$/;

/** RFC 7638 thumbprints, base64url. */
function isKid(id: string): boolean {
  return /^[\w-]{43}$/.test(id);
}

function takeFrom<T>(entries: Map<string, T>, max: number): [string, T][] {
  const taken: [string, T][] = [];
  for (const entry of entries) {
    if (taken.length >= max) break;
    taken.push(entry);
    entries.delete(entry[0]);
  }
  return taken;
}

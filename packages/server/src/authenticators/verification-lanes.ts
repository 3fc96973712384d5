import { createSteadyClock } from '../keys/steady-clock.ts';
import { TokenBuckets } from '../keys/token-buckets.ts';
import { WorkQueue } from '../keys/work-queue.ts';
import { AuthenticationError } from '../refusals.ts';

export interface VerificationLimits {
  /** Forged signatures of an address (IPv6: a /64) that are verified like any other: saved up, and each second. */
  readonly forgedBurst?: number;
  readonly forgedPerSecond?: number;
  /** Beyond that, verifications at the same time for all such addresses together, and those that may wait. */
  readonly maxSuspectRunning?: number;
  readonly maxSuspectWaiting?: number;
  /** New credentials of one key: saved up, and each second. */
  readonly freshBurst?: number;
  readonly freshPerSecond?: number;
  /** Steady clock, in milliseconds. */
  readonly clock?: () => number;
}

const MAX_ADDRESSES = 10_000;

/**
 * Keeps forged signatures from taking the time of others. An address from which too many came is not refused, since an
 * honest piped may share it: its credentials are verified in a narrow lane of their own. Only when that lane is full is
 * a check `throttled`, and so is a key that brings new credentials faster than it has any use for.
 *
 * What counts against a key is what was signed by it: the kid in a forgery is a claim, and costs its owner nothing.
 */
export class VerificationLanes {
  readonly #forged: TokenBuckets;
  readonly #fresh: TokenBuckets;
  readonly #suspects: WorkQueue;

  constructor(limits: VerificationLimits = {}) {
    const { clock = createSteadyClock() } = limits;
    this.#forged = new TokenBuckets({
      burst: limits.forgedBurst ?? 200,
      perSecond: limits.forgedPerSecond ?? 20,
      maxAddresses: MAX_ADDRESSES,
      clock,
    });
    this.#fresh = new TokenBuckets({
      burst: limits.freshBurst ?? 2000,
      perSecond: limits.freshPerSecond ?? 200,
      maxAddresses: MAX_ADDRESSES,
      clock,
    });
    this.#suspects = new WorkQueue(limits.maxSuspectRunning ?? 2, limits.maxSuspectWaiting ?? 256);
  }

  /**
   * @param isForged whether what `verify` threw says that the signature is not the key's
   * @throws AuthenticationError `throttled` (rejects with it), and whatever `verify` throws
   */
  async run<T>(
    { address, kid }: { readonly address: string; readonly kid: string },
    verify: () => Promise<T>,
    isForged: (error: unknown) => boolean,
  ): Promise<T> {
    if (!this.#fresh.has(kid)) throw new AuthenticationError('throttled');
    const isTrusted = this.#forged.take(address);
    if (!isTrusted && this.#suspects.isFull) throw new AuthenticationError('throttled');
    let wasForged = false;
    try {
      return await (isTrusted ? verify() : this.#suspects.run(verify));
    } catch (error) {
      wasForged = isForged(error);
      throw error;
    } finally {
      if (!wasForged) {
        this.#fresh.take(kid);
        if (isTrusted) this.#forged.giveBack(address);
      }
    }
  }
}

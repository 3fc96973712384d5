import { createSteadyClock } from '../keys/steady-clock.ts';
import { TokenBuckets } from '../keys/token-buckets.ts';
import { WorkQueue } from '../keys/work-queue.ts';
import { wholeNumber } from '../options.ts';
import { AuthenticationError } from '../refusals.ts';
import { TurnBudget } from './turn-budget.ts';

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
  /**
   * Time that verifying may take from others in each turn of the event loop, in milliseconds; beyond it, signatures are
   * verified on other threads. Default 1.
   */
  readonly maxTurnMs?: number;
  /** Steady clock, in milliseconds. */
  readonly clock?: () => number;
}

const MAX_ADDRESSES = 10_000;

/** More than there are threads to verify on, and far less than the forgeries that an address may send. */
const MAX_TRUSTED_RUNNING = 32;

const DISTRUSTED = Symbol('distrusted');

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
  readonly #trusted = new WorkQueue(MAX_TRUSTED_RUNNING, Number.MAX_SAFE_INTEGER);
  readonly #suspects: WorkQueue;
  readonly #turn: TurnBudget;

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
    this.#turn = new TurnBudget({ maxMs: wholeNumber('maxTurnMs', limits.maxTurnMs ?? 1, 0) });
  }

  /**
   * Verifies at once, if this turn has time for it, and neither the address nor the key has used up its trust.
   *
   * @returns none where it has to wait: `run` knows how
   * @throws whatever `verify` throws
   */
  runNow<T>(
    { address, kid }: { readonly address: string; readonly kid: string },
    verify: () => T,
    isForged: (error: unknown) => boolean,
  ): T | undefined {
    if (!this.#turn.hasTime || !this.#fresh.has(kid) || !this.#forged.take(address)) return undefined;
    let forged = false;
    try {
      return this.#turn.spend(verify);
    } catch (error) {
      forged = isForged(error);
      throw error;
    } finally {
      if (!forged) {
        this.#forged.giveBack(address);
        this.#fresh.take(kid);
      }
    }
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
    const watched = new WatchedVerification(verify, isForged);
    try {
      if (this.#forged.has(address)) {
        const verified = await this.#trusted.run(() => this.#onTrust(address, watched));
        if (verified !== DISTRUSTED) return verified;
      }
      if (this.#suspects.isFull) throw new AuthenticationError('throttled');
      return await this.#suspects.run(() => watched.run());
    } finally {
      if (watched.state === 'honest') this.#fresh.take(kid);
    }
  }

  /** The trust is only taken while it is verified: those who wait for that may be a whole site that has just been started. */
  async #onTrust<T>(address: string, watched: WatchedVerification<T>): Promise<T | typeof DISTRUSTED> {
    if (!this.#forged.take(address)) return DISTRUSTED;
    try {
      return await watched.run();
    } finally {
      if (watched.state === 'honest') this.#forged.giveBack(address);
    }
  }
}

/** Knows afterwards whether the signature was the key's own, whatever else may have been wrong. */
class WatchedVerification<T> {
  state: 'not run' | 'honest' | 'forged' = 'not run';
  readonly #verify: () => Promise<T>;
  readonly #isForged: (error: unknown) => boolean;

  constructor(verify: () => Promise<T>, isForged: (error: unknown) => boolean) {
    this.#verify = verify;
    this.#isForged = isForged;
  }

  async run(): Promise<T> {
    try {
      const verified = await this.#verify();
      this.state = 'honest';
      return verified;
    } catch (error) {
      this.state = this.#isForged(error) ? 'forged' : 'honest';
      throw error;
    }
  }
}

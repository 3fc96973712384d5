import { availableParallelism } from 'node:os';
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
  /** Time that verifying may take from others in each turn of the event loop, in milliseconds. Default 1. */
  readonly maxTurnMs?: number;
  /**
   * Where signatures are verified that find no time in their turn: on other threads, or in one of the next turns. Threads
   * cost half as much again, and gain something where a core is free for them. Default `true` with more than one core.
   */
  readonly threads?: boolean;
  /** Steady clock, in milliseconds. */
  readonly clock?: () => number;
}

const MAX_ADDRESSES = 10_000;

/** More than there are threads to verify on, and far less than the forgeries that an address may send. */
const MAX_TRUSTED_RUNNING = 32;

/** Who shows a credential, and whose it says that it is. */
interface Shower {
  readonly address: string;
  readonly kid: string;
}

/** One verification, in the two ways in which it can be done. */
export interface Verification<T> {
  now(): T;
  onThread(): Promise<T>;
  /** Whether what was thrown says that the signature is not the key's. */
  isForged(error: unknown): boolean;
}

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
  readonly #threads: boolean;

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
    this.#threads = limits.threads ?? availableParallelism() > 1;
  }

  /**
   * Verifies at once, if this turn has time for it, and neither the address nor the key has used up its trust.
   *
   * @returns none where it has to wait: `run` knows how
   * @throws whatever verifying throws
   */
  runNow<T>({ address, kid }: Shower, verification: Verification<T>): T | undefined {
    if (!this.#turn.hasTime) return undefined;
    const fresh = this.#fresh.of(kid);
    const trust = this.#forged.of(address);
    if (!fresh.has || !trust.take()) return undefined;
    let forged = false;
    try {
      return this.#turn.spend(verification);
    } catch (error) {
      forged = verification.isForged(error);
      throw error;
    } finally {
      if (!forged) {
        trust.giveBack();
        fresh.take();
      }
    }
  }

  /**
   * Calls back in one of the next turns that has time, where no other thread is to do the work.
   *
   * @returns none where threads do it
   */
  laterTurn<T>(callBack: () => T): Promise<T> | undefined {
    return this.#threads ? undefined : this.#turn.whenItHasTime(callBack);
  }

  /** @throws AuthenticationError `throttled` (rejects with it), and whatever verifying throws */
  async run<T>({ address, kid }: Shower, verification: Verification<T>): Promise<T> {
    if (!this.#fresh.has(kid)) throw new AuthenticationError('throttled');
    const verify = () => (this.#threads ? verification.onThread() : this.#turn.later(verification));
    const watched = new WatchedVerification(verify, error => verification.isForged(error));
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

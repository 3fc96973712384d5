import { Refusal } from '../problems/refusal.ts';
import type { Database, Store } from './database.ts';
import { isUnavailable } from './failures.ts';
import { type Actor, Journal, lockHead, Write, write } from './write.ts';

type Work<T> = (write: Write) => Promise<T>;

/** One of several that share a statement, with its own write: to note what it changed, and not to change anything by. */
export interface Sharer<I> {
  readonly write: Write;
  readonly input: I;
}

/**
 * Does for each of these what it would have done for it alone, in this order. What comes back for one is its result, or
 * why it was refused: then nothing was changed or noted for it.
 */
export type SharedWork<I, T> = (tx: Database, sharers: readonly Sharer<I>[]) => Promise<readonly (T | Refusal)[]>;

interface Job {
  readonly sinceMs: number;
  /** What is done in one go for all jobs that ask for the same. */
  readonly shared?: Shared;
  /** In a transaction that others share. Returns what to do once it is committed. */
  together(tx: Database, journal: Journal): Promise<() => void>;
  /** In a transaction of its own. Never rejects. */
  alone(): Promise<void>;
  reject(error: unknown): void;
}

interface Shared {
  readonly work: SharedWork<never, unknown>;
  readonly actor: Actor;
  readonly input: unknown;
  /** Returns what to do once it is committed. */
  settle(result: unknown): () => void;
}

/** How many share a transaction, and for how long it begins yet another one: other replicas wait meanwhile. */
const MAX_TOGETHER = 64;
const MAX_HOLD_MS = 50;
const MAX_WAIT_MS = 10_000;
/** What of a database changes nothing. */
const READS: ReadonlySet<PropertyKey> = new Set(['select', 'selectDistinct', 'query', '$with', '$count']);

/** A write was refused when it had begun to change something: what it shared its transaction with is rolled back too. */
class Spoilt extends Error {}

/**
 * Runs the writes of one process, one after the other. Those that come while a transaction is under way share the next
 * one: the lock is taken once for all of them, and there is one commit to wait for. Each has its own revision and its own
 * rows in the audit and the change feed, in the order in which they were run, and is answered when all of it is committed.
 *
 * One that is refused leaves no trace, and the others go on: if it had not changed anything yet, in the same transaction;
 * else all of that is rolled back, and each is run again by itself. So `work` may be run twice, of which one counts.
 */
export class Writer {
  readonly #store: Store;
  readonly #now: () => number;
  #waiting: Job[] = [];
  #isRunning = false;

  /** @param now clock, in milliseconds */
  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** Rejects as `work` does, and with what the database says. */
  write<T>(actor: Actor, work: Work<T>): Promise<{ result: T; written: boolean }> {
    return new Promise((resolve, reject) => this.#take(this.#job(actor, work, { resolve, reject })));
  }

  #job<T>(
    actor: Actor,
    work: Work<T>,
    { resolve, reject }: { resolve(done: { result: T; written: boolean }): void; reject(error: unknown): void },
  ): Job {
    return {
      sinceMs: performance.now(),
      reject,
      together: async (tx, journal) => {
        const before = journal.length;
        let changed = false;
        const watched = watch(tx, () => {
          changed = true;
        });
        try {
          const result = await work(new Write(watched, new Date(this.#now()), actor, journal));
          const written = journal.length > before;
          return () => resolve({ result, written });
        } catch (error) {
          if (isUnavailable(error)) throw error;
          if (changed || journal.length > before || !(error instanceof Refusal)) throw new Spoilt();
          return () => reject(error);
        }
      },
      alone: () => write(this.#store, actor, this.#now, work).then(resolve, reject),
    };
  }

  /**
   * The same for work that can be done for many at once, with fewer statements. `work` has to be the same function for
   * those who are to share it.
   */
  share<I, T>(actor: Actor, input: I, work: SharedWork<I, T>): Promise<{ result: T; written: boolean }> {
    const one: Work<T> = async write => {
      const [result] = await work(write.tx, [{ write, input }]);
      if (result instanceof Refusal) throw result;
      return result as T;
    };
    return new Promise((resolve, reject) => {
      this.#take({
        ...this.#job(actor, one, { resolve, reject }),
        shared: {
          work,
          actor,
          input,
          settle: result =>
            result instanceof Refusal ? () => reject(result) : () => resolve({ result: result as T, written: true }),
        },
      });
    });
  }

  #take(job: Job): void {
    this.#waiting.push(job);
    if (this.#isRunning) return;
    this.#isRunning = true;
    // Once all that came at the same moment is here.
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const jobs = this.#waiting.splice(0, MAX_TOGETHER).filter(job => isInTime(job));
      const [first] = jobs;
      if (jobs.length === 1) await first?.alone();
      else if (jobs.length > 1) await this.#together(jobs);
    }
    this.#isRunning = false;
  }

  async #together(jobs: readonly Job[]): Promise<void> {
    try {
      const settle = await this.#store.transaction(async tx => {
        const journal = new Journal(await lockHead(tx));
        const until = performance.now() + MAX_HOLD_MS;
        const done = new Map<Job, () => void>();
        for (const job of jobs) {
          if (done.has(job)) continue;
          if (done.size > 0 && performance.now() > until) break;
          if (job.shared === undefined) done.set(job, await job.together(tx, journal));
          else await this.#inOneGo(job.shared.work, { tx, journal, jobs, done });
        }
        await journal.flush(tx);
        return done;
      });
      for (const each of settle.values()) each();
      this.#waiting.unshift(...jobs.filter(job => !settle.has(job)));
    } catch (error) {
      // Nobody knows whether a commit whose answer is missing has happened: that is not done again.
      if (!(error instanceof Spoilt)) for (const job of jobs) job.reject(error);
      else for (const job of jobs) await job.alone();
    }
  }

  async #inOneGo(work: Shared['work'], { tx, journal, jobs, done }: Round): Promise<void> {
    const sharing = jobs.flatMap(job => (job.shared?.work === work ? [{ job, shared: job.shared }] : []));
    const at = new Date(this.#now());
    const sharers = sharing.map(({ shared: { actor, input } }) => ({
      write: new Write(tx, at, actor, journal),
      input: input as never,
    }));
    const results = await work(tx, sharers).catch(error => {
      throw isUnavailable(error) ? error : new Spoilt();
    });
    for (const [index, { job, shared }] of sharing.entries()) done.set(job, shared.settle(results[index]));
  }
}

interface Round {
  readonly tx: Database;
  readonly journal: Journal;
  readonly jobs: readonly Job[];
  readonly done: Map<Job, () => void>;
}

function isInTime(job: Job): boolean {
  if (performance.now() - job.sinceMs < MAX_WAIT_MS) return true;
  job.reject(new Refusal('unavailable', 'other writes take too long; try again', { retryAfterSeconds: 1 }));
  return false;
}

/** The same database, which tells when something else than a read is begun. */
function watch(tx: Database, onChange: () => void): Database {
  return new Proxy(tx, {
    get(target, name) {
      if (!READS.has(name)) onChange();
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

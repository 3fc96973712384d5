import type { Logger } from 'pino';
import { wholeNumber } from '../options.ts';
import { Worker } from './worker.ts';
import type { ToWorker, WorkerAddresses, WorkerProcess } from './worker-process.ts';

export interface WorkerPoolOptions {
  /** How many. */
  readonly count: number;
  /** Starts the process in one of the places 0, 1, … */
  fork(slot: number): WorkerProcess;
  /** What a worker is started with; asked each time, so that one that comes later begins with what holds then. */
  startWith(slot: number): Readonly<Record<string, unknown>>;
  /** Told of each worker that ended by itself, before another one takes its place. */
  readonly onGone?: (slot: number) => void;
  readonly logger: Logger;
  /** How long a worker may take to answer a question, in milliseconds. Default 1000. */
  readonly answerWithinMs?: number;
  /** How long workers may take to end, in milliseconds; then they are killed. Default 16,000. */
  readonly endWithinMs?: number;
  /** Before the place of a worker that ended is taken again, in milliseconds: twice as long each time. Defaults 250 and 30,000. */
  readonly firstBackOffMs?: number;
  readonly maxBackOffMs?: number;
  /** A worker that was up for so long begins with the first of these again. Default 60,000. */
  readonly steadyAfterMs?: number;
  /** Steady clock, in milliseconds. Default `performance.now`. */
  readonly clock?: () => number;
}

interface Place {
  worker: Worker | undefined;
  restarts: number;
  backOffMs: number;
  timer: NodeJS.Timeout | undefined;
}

/** One place of the pool. */
export interface WorkerState {
  readonly slot: number;
  readonly pid: number | undefined;
  readonly isUp: boolean;
  /** How often its place was taken again. */
  readonly restarts: number;
}

/**
 * Processes that do the same work side by side. One that ends by itself is replaced: soon the first time, and ever later if
 * that goes on. None of them is any other's concern: they share no memory, and what each knows is its own.
 */
export class WorkerPool implements AsyncDisposable {
  readonly #options: WorkerPoolOptions;
  readonly #places: Place[];
  readonly #answerWithinMs: number;
  readonly #endWithinMs: number;
  readonly #firstBackOffMs: number;
  readonly #maxBackOffMs: number;
  readonly #steadyAfterMs: number;
  readonly #clock: () => number;
  #stopping: Promise<void> | undefined;

  /** @throws TypeError for bounds that can't be meant */
  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
    this.#answerWithinMs = wholeNumber('answerWithinMs', options.answerWithinMs ?? 1000);
    this.#endWithinMs = wholeNumber('endWithinMs', options.endWithinMs ?? 16_000);
    this.#firstBackOffMs = wholeNumber('firstBackOffMs', options.firstBackOffMs ?? 250);
    this.#maxBackOffMs = wholeNumber('maxBackOffMs', options.maxBackOffMs ?? 30_000);
    this.#steadyAfterMs = wholeNumber('steadyAfterMs', options.steadyAfterMs ?? 60_000);
    this.#places = Array.from({ length: wholeNumber('count', options.count) }, () => ({
      worker: undefined,
      restarts: 0,
      backOffMs: this.#firstBackOffMs,
      timer: undefined,
    }));
  }

  /**
   * Starts all of them, and resolves to where each listens.
   *
   * @throws WorkerStartError if one can't start; the others are stopped
   */
  async start(): Promise<readonly WorkerAddresses[]> {
    try {
      return await Promise.all(this.#places.map((_, slot) => this.#occupy(slot).started));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  get workers(): readonly WorkerState[] {
    return this.#places.map(({ worker, restarts }, slot) => ({
      slot,
      pid: worker?.pid,
      isUp: worker?.isUp ?? false,
      restarts,
    }));
  }

  get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** What each says, in the order of their places; nothing of one that is not up, or does not answer in time. */
  ask(what: 'ready' | 'metrics'): Promise<unknown[]> {
    return Promise.all(this.#places.map(({ worker }) => worker?.ask(what, this.#answerWithinMs)));
  }

  tell(message: Extract<ToWorker, { kind: 'reload' }>): void {
    for (const { worker } of this.#places) worker?.tell(message);
  }

  /** Asks all of them to end, and waits until they have. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #occupy(slot: number): Worker {
    const { fork, startWith } = this.#options;
    const worker = new Worker(fork(slot), () => ({ ...startWith(slot), kind: 'start', slot }));
    const place = this.#places[slot] as Place;
    place.worker = worker;
    const since = this.#clock();
    void worker.ended.then(how => this.#ended(slot, how, this.#clock() - since));
    // Whoever waits for the start is told; later on the log is.
    worker.started.catch(() => {});
    return worker;
  }

  #ended(slot: number, how: string, afterMs: number): void {
    const place = this.#places[slot] as Place;
    const { logger, onGone } = this.#options;
    const { pid } = place.worker ?? {};
    const wasUp = place.worker?.wasUp ?? false;
    const problem = place.worker?.problem;
    place.worker = undefined;
    if (this.#stopping !== undefined) return;
    // Before it was ever up nobody has taken the pool into use, and `start` says what is wrong.
    if (!wasUp && place.restarts === 0) return;
    onGone?.(slot);
    if (afterMs >= this.#steadyAfterMs) place.backOffMs = this.#firstBackOffMs;
    const restartInMs = place.backOffMs;
    place.backOffMs = Math.min(this.#maxBackOffMs, place.backOffMs * 2);
    logger.error({ worker: slot, pid, how, ...(problem && { problem }), restartInMs }, 'a worker ended by itself');
    place.timer = setTimeout(() => {
      place.restarts++;
      this.#occupy(slot);
    }, restartInMs);
  }

  async #stop(): Promise<void> {
    const ended = this.#places.map(async ({ worker, timer }) => {
      clearTimeout(timer);
      if (worker === undefined) return;
      worker.tell({ kind: 'stop' });
      const kill = setTimeout(() => worker.kill(), this.#endWithinMs);
      await worker.ended;
      clearTimeout(kill);
    });
    await Promise.all(ended);
  }
}

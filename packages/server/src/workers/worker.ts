import {
  type FromWorker,
  type ToWorker,
  type WorkerAddresses,
  type WorkerProcess,
  WorkerStartError,
} from './worker-process.ts';

/** One process of a pool, from its start to its end. */
export class Worker {
  /** Where it listens. Rejects with a WorkerStartError if it ends before that. */
  readonly started: Promise<WorkerAddresses>;
  /** How it ended: a signal, or `exit code N`. Never rejects. */
  readonly ended: Promise<string>;
  readonly #process: WorkerProcess;
  readonly #questions = new Map<number, (value: unknown) => void>();
  #asked = 0;
  #state: 'starting' | 'up' | 'ended' = 'starting';
  #wasUp = false;
  #problem: string | undefined;

  /** @param start what it is told first, as soon as it listens */
  constructor(process: WorkerProcess, start: () => ToWorker) {
    this.#process = process;
    this.ended = new Promise(resolve => {
      process.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
      process.once('exit', (code: number | null, signal: string | null) => resolve(signal ?? `exit code ${code}`));
    });
    this.started = new Promise((resolve, reject) => {
      process.on('message', (message: FromWorker) => {
        if (message.kind === 'here') {
          this.tell(start());
        } else if (message.kind === 'started') {
          this.#state = 'up';
          this.#wasUp = true;
          resolve(message.addresses);
        } else if (message.kind === 'failed') {
          this.#problem = message.problem;
          reject(new WorkerStartError(message.problem, message.exitCode));
        } else {
          this.#answered(message.id, message.value);
        }
      });
      void this.ended.then(how => {
        this.#state = 'ended';
        for (const id of [...this.#questions.keys()]) this.#answered(id, undefined);
        reject(new WorkerStartError(`a worker ended before it listened: ${how}`, 1));
      });
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  get wasUp(): boolean {
    return this.#wasUp;
  }

  /** Why it could not start, if it said so. */
  get problem(): string | undefined {
    return this.#problem;
  }

  tell(message: ToWorker): void {
    // It may end at any time, and that is told by its end.
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  /** Nothing if it is not up, or does not answer in time. */
  ask(what: 'ready' | 'metrics', withinMs: number): Promise<unknown> {
    if (!this.isUp) return Promise.resolve(undefined);
    const id = ++this.#asked;
    return new Promise(resolve => {
      const timer = setTimeout(() => this.#answered(id, undefined), withinMs);
      this.#questions.set(id, value => {
        clearTimeout(timer);
        resolve(value);
      });
      this.tell({ kind: 'ask', id, what });
    });
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  #answered(id: number, value: unknown): void {
    this.#questions.get(id)?.(value);
    this.#questions.delete(id);
  }
}

import type { FromWorker, ToWorker, WorkerAddresses } from './worker-process.ts';

/** What a worker is made of, once it was told how to start. */
export interface WorkerDuties extends AsyncDisposable {
  readonly addresses: WorkerAddresses;
  isReady(): boolean;
  metrics(): Promise<unknown>;
  reload(message: Extract<ToWorker, { kind: 'reload' }>): Promise<void>;
}

/** Of this process: what comes from its pool, and what goes there. */
export interface PoolLink {
  onMessage(listener: (message: ToWorker) => void): void;
  send(message: FromWorker): Promise<void>;
  /** Aborted when the pool is gone, or somebody wants this process to end. */
  readonly stop: AbortSignal;
}

/**
 * Does what the pool asks, until it says stop or is gone. Resolves when all is closed.
 *
 * @param describe how a worker that can't start says why
 */
export async function serveAsWorker(
  link: PoolLink,
  start: (message: Extract<ToWorker, { kind: 'start' }>) => Promise<WorkerDuties>,
  describe: (error: unknown) => { readonly problem: string; readonly exitCode: 1 | 2 },
): Promise<0 | 1 | 2> {
  let duties: WorkerDuties | undefined;
  let answer: (code: 0 | 1 | 2) => void = () => {};
  const done = new Promise<0 | 1 | 2>(resolve => {
    answer = resolve;
  });
  link.onMessage(message => {
    if (message.kind === 'stop') answer(0);
    else if (message.kind === 'reload') void duties?.reload(message);
    else if (message.kind === 'ask') void tell(message.id, message.what);
    else void begin(message);
  });
  await link.send({ kind: 'here' }).catch(() => answer(1));
  link.stop.addEventListener('abort', () => answer(0), { once: true });
  if (link.stop.aborted) answer(0);

  async function begin(message: Extract<ToWorker, { kind: 'start' }>): Promise<void> {
    try {
      duties = await start(message);
      await link.send({ kind: 'started', addresses: duties.addresses });
    } catch (error) {
      const described = describe(error);
      await link.send({ kind: 'failed', ...described }).catch(() => {});
      answer(described.exitCode);
    }
  }

  async function tell(id: number, what: 'ready' | 'metrics'): Promise<void> {
    const value = what === 'ready' ? duties?.isReady() : await duties?.metrics();
    await link.send({ kind: 'answer', id, value }).catch(() => {});
  }

  const code = await done;
  await duties?.[Symbol.asyncDispose]();
  return code;
}

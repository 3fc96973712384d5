import { describe, expect, it, vi } from 'vitest';
import { serveAsWorker, type WorkerDuties } from './serve-as-worker.ts';
import type { FromWorker, ToWorker } from './worker-process.ts';

function setUp(start: () => Promise<WorkerDuties>) {
  const sent: FromWorker[] = [];
  const stop = new AbortController();
  let listener: (message: ToWorker) => void = () => {};
  const link = {
    onMessage: (heard: typeof listener) => {
      listener = heard;
    },
    send: async (message: FromWorker) => void sent.push(message),
    stop: stop.signal,
  };
  const ended = serveAsWorker(link, start, error => ({ problem: String(error), exitCode: 2 }));
  return { sent, stop, ended, tell: (message: ToWorker) => listener(message) };
}

function duties() {
  const reload = vi.fn(async () => {});
  const dispose = vi.fn(async () => {});
  const addresses = { grpcAddress: '127.0.0.1:9086' };
  const made: WorkerDuties = {
    addresses,
    isReady: () => true,
    metrics: async () => ['metrics'],
    reload,
    [Symbol.asyncDispose]: dispose,
  };
  return { made, reload, dispose };
}

const until = (what: () => boolean) => vi.waitFor(() => expect(what()).toBe(true));

describe('a worker', () => {
  it('starts when it is told how, answers, reloads, and closes all before it ends', async () => {
    const { made, reload, dispose } = duties();
    const { sent, ended, tell } = setUp(async () => made);
    tell({ kind: 'start', slot: 1 });
    await until(() => sent.length === 2);
    tell({ kind: 'ask', id: 7, what: 'ready' });
    tell({ kind: 'ask', id: 8, what: 'metrics' });
    tell({ kind: 'reload', reason: 'file' });
    await until(() => sent.length === 4);
    expect(sent).toEqual([
      { kind: 'here' },
      { kind: 'started', addresses: { grpcAddress: '127.0.0.1:9086' } },
      { kind: 'answer', id: 7, value: true },
      { kind: 'answer', id: 8, value: ['metrics'] },
    ]);
    expect(reload).toHaveBeenCalledWith({ kind: 'reload', reason: 'file' });
    expect(dispose).not.toHaveBeenCalled();
    tell({ kind: 'stop' });
    expect(await ended).toBe(0);
    expect(dispose).toHaveBeenCalledOnce();
  });

  it('says why it can not start, and ends by that', async () => {
    const { sent, ended, tell } = setUp(() => Promise.reject(new Error('no key')));
    tell({ kind: 'start', slot: 0 });
    expect(await ended).toBe(2);
    expect(sent.at(-1)).toEqual({ kind: 'failed', problem: 'Error: no key', exitCode: 2 });
  });

  it('ends when its pool is gone', async () => {
    const { made, dispose } = duties();
    const { sent, stop, ended, tell } = setUp(async () => made);
    tell({ kind: 'start', slot: 0 });
    await until(() => sent.length === 2);
    stop.abort();
    expect(await ended).toBe(0);
    expect(dispose).toHaveBeenCalledOnce();
  });
});

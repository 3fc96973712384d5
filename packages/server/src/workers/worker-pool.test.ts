import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WorkerPool, type WorkerPoolOptions } from './worker-pool.ts';
import type { FromWorker, ToWorker, WorkerProcess } from './worker-process.ts';

/** A process that does what a test says. */
class FakeProcess extends EventEmitter implements WorkerProcess {
  readonly pid: number;
  readonly told: ToWorker[] = [];
  readonly killed: string[] = [];
  connected = true;

  constructor(pid: number) {
    super();
    this.pid = pid;
  }

  send(message: object): boolean {
    this.told.push(message as ToWorker);
    return true;
  }

  kill(signal: NodeJS.Signals): boolean {
    this.killed.push(signal);
    this.end(null, signal);
    return true;
  }

  says(message: FromWorker): void {
    this.emit('message', message);
  }

  end(code: number | null, signal: NodeJS.Signals | null = null): void {
    this.connected = false;
    this.emit('exit', code, signal);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const addresses = (slot: number) => ({ grpcAddress: `127.0.0.1:${9086 + 2 * slot}` });

function setUp(options: Partial<WorkerPoolOptions> = {}) {
  const processes: { slot: number; process: FakeProcess }[] = [];
  const lines: Record<string, unknown>[] = [];
  const gone: number[] = [];
  let settings = 'first';
  const pool = new WorkerPool({
    count: 2,
    fork: slot => {
      const process = new FakeProcess(100 + processes.length);
      processes.push({ slot, process });
      return process;
    },
    startWith: () => ({ settings }),
    onGone: slot => gone.push(slot),
    logger: pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(JSON.parse(line)) }),
    clock: () => Date.now(),
    ...options,
  });
  const at = (index: number) => {
    const found = processes[index];
    if (found === undefined) throw new Error(`there is no process ${index}`);
    return found.process;
  };
  const goUp = (index: number) => {
    at(index).says({ kind: 'here' });
    at(index).says({ kind: 'started', addresses: addresses(processes[index]?.slot ?? 0) });
  };
  const started = async () => {
    const all = pool.start();
    goUp(0);
    goUp(1);
    return all;
  };
  const change = (to: string) => {
    settings = to;
  };
  return { pool, processes, at, goUp, started, lines, gone, change };
}

describe('a pool of workers', () => {
  it('tells each how to start once it listens, and then where all of them are', async () => {
    const { pool, at, started } = setUp();
    expect(await started()).toEqual([addresses(0), addresses(1)]);
    expect(at(1).told).toEqual([{ kind: 'start', slot: 1, settings: 'first' }]);
    expect(pool.workers).toEqual([
      { slot: 0, pid: 100, isUp: true, restarts: 0 },
      { slot: 1, pid: 101, isUp: true, restarts: 0 },
    ]);
  });

  it('does not start when one of them can not, and says why', async () => {
    const { pool, at, goUp } = setUp();
    const started = pool.start();
    started.catch(() => {});
    goUp(0);
    at(1).says({ kind: 'failed', problem: "can't listen on 127.0.0.1:9088: it is in use", exitCode: 1 });
    at(1).end(1);
    await vi.advanceTimersByTimeAsync(0);
    expect(at(0).told.at(-1)).toEqual({ kind: 'stop' });
    at(0).end(0);
    await expect(started).rejects.toMatchObject({ name: 'WorkerStartError', message: expect.stringContaining('9088') });
  });

  it('takes the place of one that ended again, ever later, and soon again after it was steady', async () => {
    const { pool, processes, at, goUp, started, lines, gone } = setUp({ firstBackOffMs: 100, maxBackOffMs: 300 });
    await started();
    const waits: unknown[] = [];
    for (const waitMs of [100, 200, 300, 300]) {
      at(processes.length - (processes.length === 2 ? 2 : 1)).end(null, 'SIGKILL');
      await vi.advanceTimersByTimeAsync(waitMs - 1);
      const before = processes.length;
      await vi.advanceTimersByTimeAsync(1);
      expect(processes.length).toBe(before + 1);
      goUp(processes.length - 1);
      waits.push(lines.at(-1)?.restartInMs);
    }
    expect(waits).toEqual([100, 200, 300, 300]);
    expect(gone).toEqual([0, 0, 0, 0]);
    expect(lines[0]).toMatchObject({ level: 50, worker: 0, pid: 100, how: 'SIGKILL', msg: 'a worker ended by itself' });
    expect(pool.workers[0]).toMatchObject({ isUp: true, restarts: 4 });
    await vi.advanceTimersByTimeAsync(60_000);
    at(processes.length - 1).end(1);
    await vi.advanceTimersByTimeAsync(0);
    expect(lines.at(-1)).toMatchObject({ how: 'exit code 1', restartInMs: 100 });
    await stopAll(pool, processes);
  });

  it('starts one that comes later with what holds then, and goes on trying where it can not start', async () => {
    const { pool, processes, at, started, change, lines } = setUp({ firstBackOffMs: 100 });
    await started();
    change('second');
    at(1).end(1);
    await vi.advanceTimersByTimeAsync(100);
    at(2).says({ kind: 'here' });
    expect(at(2).told).toEqual([{ kind: 'start', slot: 1, settings: 'second' }]);
    at(2).says({ kind: 'failed', problem: 'no such file', exitCode: 1 });
    at(2).end(1);
    await vi.advanceTimersByTimeAsync(0);
    expect(lines.at(-1)).toMatchObject({ worker: 1, problem: 'no such file', restartInMs: 200 });
    await vi.advanceTimersByTimeAsync(200);
    expect(processes.length).toBe(4);
    await stopAll(pool, processes);
  });

  it('asks all of them, and takes silence, an end and a late answer for none', async () => {
    const { pool, at, started, processes } = setUp();
    await started();
    const asked = pool.ask('ready');
    expect(at(0).told.at(-1)).toEqual({ kind: 'ask', id: 1, what: 'ready' });
    at(0).says({ kind: 'answer', id: 1, value: true });
    await vi.advanceTimersByTimeAsync(1000);
    expect(await asked).toEqual([true, undefined]);
    at(1).says({ kind: 'answer', id: 1, value: true });
    const again = pool.ask('ready');
    at(1).end(1);
    at(0).says({ kind: 'answer', id: 2, value: false });
    expect(await again).toEqual([false, undefined]);
    await stopAll(pool, processes);
  });

  it('tells all of them to reload and to stop, kills who does not end, and starts nobody any more', async () => {
    const { pool, at, started, processes } = setUp({ endWithinMs: 500 });
    await started();
    pool.tell({ kind: 'reload', settings: 'second' });
    expect([at(0), at(1)].map(({ told }) => told.at(-1))).toEqual(
      Array(2).fill({ kind: 'reload', settings: 'second' }),
    );
    const stopped = pool.stop();
    expect(pool.isStopping).toBe(true);
    at(0).end(0);
    await vi.advanceTimersByTimeAsync(500);
    await stopped;
    expect([at(0).killed, at(1).killed]).toEqual([[], ['SIGKILL']]);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(processes.length).toBe(2);
  });

  it.each(['count', 'firstBackOffMs', 'endWithinMs'])('refuses a %s that can not be meant', name => {
    expect(() => setUp({ [name]: Number.NaN })).toThrow(TypeError);
  });
});

async function stopAll(pool: WorkerPool, processes: readonly { process: FakeProcess }[]): Promise<void> {
  const stopped = pool.stop();
  for (const { process } of processes) process.end(0);
  await stopped;
}

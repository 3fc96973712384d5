import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Stage } from './stage.ts';
import { waitFor } from './wait.ts';

export interface ProcessOptions {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Asks the process itself whether it is up, over what it serves; polled until true. */
  readonly ready: () => Promise<boolean> | boolean;
  readonly readyWithinMs?: number;
  /** What asks it politely to end; SIGTERM by default. */
  readonly stopSignal?: NodeJS.Signals;
}

export interface RunningProcess {
  readonly pid: number;
  /** All it printed so far, stdout and stderr as they came. */
  output(): string;
  hasExited(): boolean;
  /** Sends the signal, and does not wait for what comes of it. */
  signal(signal: NodeJS.Signals): void;
  /** How it ended, such as `exit code 0`, once it has. */
  ended(): string | undefined;
  /** Sends the signal and waits for the end; SIGKILL follows after `graceMs`. */
  stop(signal?: NodeJS.Signals, graceMs?: number): Promise<void>;
}

const running = new Set<ChildProcess>();

/** Starts a process and waits until it is ready. It ends with the stage, and with this process at the latest. */
export async function startProcess(stage: Stage, options: ProcessOptions): Promise<RunningProcess> {
  killAllAtExit();
  const child = spawn(options.command, options.args, {
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (output += text));
  let ended: string | undefined;
  child.once('error', error => (ended = String(error)));
  child.once('exit', (code, signal) => {
    running.delete(child);
    ended = signal ?? `exit code ${code}`;
  });
  await Promise.race([once(child, 'spawn'), once(child, 'error')]).catch(() => undefined);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${options.name} can't be started: ${ended}`);
  running.add(child);

  const stop = async (signal: NodeJS.Signals = options.stopSignal ?? 'SIGTERM', graceMs = 10_000) => {
    if (ended !== undefined) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await exit;
    clearTimeout(timer);
  };
  stage.defer(() => stop());

  const isReady = async () => {
    if (ended !== undefined) return 'ended' as const;
    return (await options.ready()) && ('ready' as const);
  };
  const outcome = await waitFor(`${options.name} ready`, isReady, options.readyWithinMs).catch(async (error: Error) => {
    await stop('SIGKILL');
    throw new Error(`${error.message}; its output:\n${output}`, { cause: error.cause });
  });
  if (outcome === 'ended')
    throw new Error(`${options.name} did not start, it ended with ${ended}; its output:\n${output}`);
  return {
    pid,
    output: () => output,
    hasExited: () => ended !== undefined,
    signal: signal => void child.kill(signal),
    ended: () => ended,
    stop,
  };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

let watching = false;

/** Engines must not outlive the test run, however that ends. */
function killAllAtExit(): void {
  if (watching) return;
  watching = true;
  const killAll = () => {
    for (const child of running) child.kill('SIGKILL');
  };
  process.on('exit', killAll);
  // The test runner is gone, and this worker of it will not be told to end.
  process.once('disconnect', () => process.exit(1));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      killAll();
      process.kill(process.pid, signal);
    });
  }
}

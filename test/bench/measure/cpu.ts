import { readdir, readFile } from 'node:fs/promises';

/**
 * Processor time that a process has used since it began, in microseconds, user and system together, all of its threads.
 * From the scheduler's own count in nanoseconds where the kernel keeps one, else from `stat` in ticks of 10 ms. Linux alone.
 */
export async function cpuMicros(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const nanoseconds = await Promise.all(threads.map(thread => runTime(`/proc/${pid}/task/${thread}/schedstat`)));
  const total = nanoseconds.reduce((sum, one) => sum + one, 0);
  return total > 0 ? total / 1000 : ticksOf(pid);
}

/** A thread may have ended in the meantime. */
async function runTime(path: string): Promise<number> {
  const text = await readFile(path, 'utf8').catch(() => '0');
  return Number(text.split(' ')[0]);
}

async function ticksOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name, in parentheses, may hold spaces.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** Resident memory of a process, in KiB. */
export async function residentKib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN);
}

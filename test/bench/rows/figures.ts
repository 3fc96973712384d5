import { cpuMicros } from '../measure/cpu.ts';

/** Runs some work, and tells what each process spent meanwhile, in microseconds of processor time. */
export async function spending<T>(
  pids: readonly number[],
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly micros: readonly number[] }> {
  const before = await Promise.all(pids.map(cpuMicros));
  const result = await work();
  const after = await Promise.all(pids.map(cpuMicros));
  return { result, micros: after.map((used, at) => used - (before[at] ?? used)) };
}

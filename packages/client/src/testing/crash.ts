import fs from 'node:fs/promises';
import { vi } from 'vitest';

/** From the call after `survived` on, nothing that touches the disk happens any more. Undone by `restoreAllMocks`. */
export function crashAfter(survived: number): { calls: string[] } {
  const calls: string[] = [];
  const step = (name: string) => {
    calls.push(name);
    if (calls.length > survived) throw Object.assign(new Error('crashed'), { code: 'ECRASHED' });
  };
  for (const name of ['link', 'rename', 'rm'] as const) {
    const real = fs[name] as (...args: unknown[]) => Promise<void>;
    vi.spyOn(fs, name as 'rm').mockImplementation(async (...args: unknown[]) => {
      step(name);
      return real(...args);
    });
  }
  const open = fs.open;
  vi.spyOn(fs, 'open').mockImplementation(async (path, flags, mode) => {
    step(`open ${flags}`);
    const handle = await open(path, flags, mode);
    for (const name of ['writeFile', 'sync'] as const) {
      const real = handle[name].bind(handle) as (...args: unknown[]) => Promise<void>;
      handle[name] = async (...args: unknown[]) => {
        step(name);
        return real(...args);
      };
    }
    return handle;
  });
  return { calls };
}

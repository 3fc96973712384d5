import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A program of this folder, in a process of its own, as it was built; it has said that it is ready. */
export async function startChild(program: string, options: object, env: NodeJS.ProcessEnv = {}): Promise<ChildProcess> {
  const path = fileURLToPath(new URL(`../../../dist/durable/testing/${program}.js`, import.meta.url));
  if (!existsSync(path)) throw new Error(`${program} is not built: run the build first`);
  const child = spawn(process.execPath, [path, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const first = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  if (String(first[0]).trim() !== 'ready') throw new Error(`${program} ended before it was ready`);
  return child;
}

export async function kill(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

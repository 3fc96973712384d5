import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startChild } from './child.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spanpass-child-'));
});
afterAll(() => rm(dir, { recursive: true }));

const logFile = () => join(dir, 'child.log');
const env = { PATH: process.env.PATH };

function script(source: string) {
  return startChild({ command: process.execPath, args: ['-e', source], env, logFile: logFile() });
}

/** The pid that the child wrote into its log. */
function pidInLog(): Promise<number> {
  return vi.waitFor(async () => {
    const pid = Number((await readFile(logFile(), 'utf8')).split('\n')[0]);
    expect(pid).toBeGreaterThan(0);
    return pid;
  }, 5_000);
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const forever = 'console.log(process.pid); setInterval(() => {}, 1000);';

describe('a child process', () => {
  it('says how it ended', async () => {
    expect(await script('console.error("no such listener"); process.exit(3)').ended).toBe('exit 3: no such listener');
    await expect(
      startChild({ command: join(dir, 'missing'), args: [], env, logFile: logFile() }).ended,
    ).resolves.toMatch(/^exit 127: .*missing/);
  });

  it('is stopped, and is gone when that is through', async () => {
    const child = script(forever);
    const pid = await pidInLog();
    await child[Symbol.asyncDispose]();
    expect(alive(pid)).toBe(false);
  });

  it('is killed when it does not want to stop', async () => {
    const child = script(`process.on('SIGTERM', () => {}); ${forever}`);
    const pid = await pidInLog();
    await child[Symbol.asyncDispose]();
    expect(alive(pid)).toBe(false);
    expect(await child.ended).toMatch(/^exit 137/);
  }, 10_000);

  it('does not outlive its parent, not even one that was killed', async () => {
    const parentSource = `
      const { startChild } = await import(${JSON.stringify(new URL('./child.ts', import.meta.url).pathname.replace('/src/', '/dist/').replace(/\.ts$/, '.js'))});
      startChild({ command: process.execPath, args: ['-e', ${JSON.stringify(forever)}], env: {}, logFile: ${JSON.stringify(logFile())} });
      console.log('started');
    `;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', parentSource], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise(resolve => parent.stdout.once('data', resolve));
    const pid = await pidInLog();
    expect(alive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await vi.waitFor(() => expect(alive(pid)).toBe(false), 5_000);
  }, 15_000);
});

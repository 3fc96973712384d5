import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { temporaryFolder } from '../testing/databases.test.support.ts';
import { lockDataDir } from './data-dir-lock.ts';

describe('lockDataDir', () => {
  let temporary: Awaited<ReturnType<typeof temporaryFolder>>;
  let folder: string;

  beforeEach(async () => {
    temporary = await temporaryFolder();
    folder = join(temporary.path, 'data');
  });
  afterEach(() => temporary[Symbol.asyncDispose]());

  const locks = async () => (await readdir(folder)).filter(name => name.includes('lock'));
  const leave = async (holder: object, name = 'lock.7') => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, name), JSON.stringify({ host: hostname(), startedAt: '', ...holder }));
  };

  it('makes the directory for its owner alone', async () => {
    await lockDataDir(folder);
    expect(await locks()).toEqual(['lock.1']);
  });

  it('refuses a second holder, until it is released', async () => {
    const lock = await lockDataDir(folder);
    await expect(lockDataDir(folder)).rejects.toMatchObject({
      code: 'data_dir_locked',
      message: `${folder} is in use by the process ${process.pid}: stop it, or choose another data directory`,
    });
    await lock.release();
    const next = await lockDataDir(folder);
    await expect(lockDataDir(folder)).rejects.toMatchObject({ code: 'data_dir_locked' });
    await next.release();
    expect(await locks()).toEqual(['lock.2']);
  });

  it('is free when its holder was killed', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await leave({ pid: child.pid });
    await expect(lockDataDir(folder)).rejects.toMatchObject({ code: 'data_dir_locked' });
    const exited = new Promise(resolve => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
    await lockDataDir(folder);
    expect(await locks()).toEqual(['lock.8']);
  });

  it.runIf(process.platform === 'linux')(
    'is free when its holder was killed and its parent has not noticed',
    async () => {
      // The shell becomes a process that never waits for the child it had.
      const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60']);
      const pid = Number(await new Promise(resolve => parent.stdout.once('data', resolve)));
      const state = async () => / (.) \d+ \d+/.exec(await readFile(`/proc/${pid}/stat`, 'utf8'))?.[1];
      await vi.waitFor(async () => expect(await state()).toBe('Z'));
      await leave({ pid });
      await lockDataDir(folder);
      parent.kill('SIGKILL');
    },
  );

  it.runIf(process.platform === 'linux')('knows a process from a later one with the same pid', async () => {
    await leave({ pid: process.pid, startedAt: 'another boot/123' });
    await lockDataDir(folder);
  });

  it('does not believe that a process of another host has ended', async () => {
    await leave({ pid: 1, host: 'elsewhere' });
    await expect(lockDataDir(folder)).rejects.toMatchObject({
      code: 'data_dir_locked',
      message: expect.stringContaining(`remove ${join(folder, 'lock.7')} if it has ended`),
    });
  });

  it('takes what a power cut left for free', async () => {
    await mkdir(folder);
    await writeFile(join(folder, 'lock.3'), '{"pi');
    await lockDataDir(folder);
    expect(await locks()).toEqual(['lock.4']);
  });

  it('is given to one of many who ask at once, also when a dead one held it', async () => {
    for (let round = 0; round < 20; round++) {
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, `lock.${round * 100 + 1}`), '');
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockDataDir(folder)));
      const held = results.filter(({ status }) => status === 'fulfilled');
      expect(held.length).toBeLessThanOrEqual(1);
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'data_dir_locked' });
        else await result.value.release();
      }
      const [last] = (await locks()).sort((a, b) => Number(b.slice(5)) - Number(a.slice(5)));
      expect(await readFile(join(folder, last as string), 'utf8')).toBe('');
    }
  });

  it('says in one line why a directory can not be used', async () => {
    await writeFile(join(temporary.path, 'file'), '');
    const inFile = join(temporary.path, 'file', 'data');
    await expect(lockDataDir(inFile)).rejects.toMatchObject({
      code: 'data_dir_unusable',
      message: `${inFile} can't be read and written (ENOTDIR): choose another data directory, or give this user access to it`,
    });
  });
});

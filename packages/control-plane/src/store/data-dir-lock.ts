import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ControlPlaneStartError, fileError } from '../problems/start-error.ts';

const NAME = /^lock\.(\d{1,15})$/;

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Tells a process from a later one with the same pid, where the system says when it started. */
  readonly startedAt: string;
}

export interface DataDirLock {
  release(): Promise<void>;
}

/**
 * Keeps every other process out of a data directory, and is free again when its holder has died, however it died.
 *
 * A holder owns the file `lock.<n>` with the highest n. Whoever finds that one's process gone makes `lock.<n+1>`, which
 * only one can, and then looks again whether his is the highest: a file is removed only by the owner of a higher one,
 * so two can't both think so.
 *
 * @throws ControlPlaneStartError `data_dir_locked`, `data_dir_unusable`, `disk_full`
 */
export async function lockDataDir(folder: string): Promise<DataDirLock> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const startedAt = await startOf(process.pid);
    const me: Holder = { pid: process.pid, host: hostname(), startedAt };
    const before = await generations(folder);
    const highest = before.at(-1);
    if (highest !== undefined) await refuseIfHeld(folder, highest);
    const mine = (highest ?? 0) + 1;
    if (!(await create(folder, mine, me))) throw locked(folder, 'another process that starts right now');
    const after = await generations(folder);
    if (after.at(-1) !== mine) {
      await rm(pathOf(folder, mine), { force: true });
      throw locked(folder, 'another process that starts right now');
    }
    await Promise.all(after.filter(old => old < mine).map(old => rm(pathOf(folder, old), { force: true })));
    return {
      // Needs no room, so that a full disk can't keep the lock; where it fails, the end of the process will do.
      release: () => truncate(pathOf(folder, mine)).catch(() => {}),
    };
  } catch (error) {
    throw fileError(error, folder);
  }
}

async function refuseIfHeld(folder: string, generation: number): Promise<void> {
  const text = await readFile(pathOf(folder, generation), 'utf8').catch(ignoreMissing);
  // The owner of a higher one has removed it: making the next one fails, or is found not to be the highest.
  if (text === undefined) return;
  const holder = parseHolder(text);
  if (holder === undefined) return;
  if (holder.host !== hostname()) {
    throw new ControlPlaneStartError(
      'data_dir_locked',
      `${folder} is in use on the host ${holder.host}: stop that one, or remove ${pathOf(folder, generation)} if it has ended`,
    );
  }
  const startedAt = await startOf(holder.pid);
  if (!isAlive(holder.pid) || startedAt === 'dead') return;
  const reusedPid = startedAt !== '' && holder.startedAt !== '' && startedAt !== holder.startedAt;
  if (!reusedPid) throw locked(folder, `the process ${holder.pid}`);
}

/** None if it was released. Files come into being with all of their text: where some is missing, a power cut took it. */
function parseHolder(text: string): Holder | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Boot and start time of a process, where /proc has them; empty elsewhere, so that the pid alone decides. A process that
 * was killed still answers to signals until its parent has taken note.
 */
async function startOf(pid: number): Promise<string> {
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command's name in parentheses, which may hold anything; the start is the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? 'dead' : `${boot.trim()}/${fields[19]}`;
  } catch {
    return '';
  }
}

async function generations(folder: string): Promise<number[]> {
  const found = (await readdir(folder)).map(name => NAME.exec(name)?.[1]).filter(digits => digits !== undefined);
  return found.map(Number).sort((a, b) => a - b);
}

/** False if somebody else was faster. The file has all of its text from its first moment on. */
async function create(folder: string, generation: number, holder: Holder): Promise<boolean> {
  const draft = await writeDraft(folder, holder);
  try {
    await link(draft, pathOf(folder, generation));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function writeDraft(folder: string, holder: Holder): Promise<string> {
  const draft = join(folder, `.lock-${randomUUID()}`);
  try {
    await writeFile(draft, JSON.stringify(holder), { flag: 'wx', mode: 0o600 });
    return draft;
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

function pathOf(folder: string, generation: number): string {
  return join(folder, `lock.${generation}`);
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

function locked(folder: string, by: string): ControlPlaneStartError {
  return new ControlPlaneStartError(
    'data_dir_locked',
    `${folder} is in use by ${by}: stop it, or choose another data directory`,
  );
}

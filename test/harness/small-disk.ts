import { execFile } from 'node:child_process';
import { appendFile, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Stage } from './stage.ts';
import { tempDir } from './temp.ts';

const run = promisify(execFile);

/** A file system of its own, which can be filled to the last byte. */
export interface SmallDisk {
  readonly folder: string;
  fill(): Promise<void>;
  /** Gives back what `fill` took. */
  free(): Promise<void>;
}

/** Whether this process may mount one. */
export async function canMount(): Promise<boolean> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const script = 'd=$(mktemp -d) && mount -t tmpfs -o size=64k tmpfs "$d" && umount "$d" && rmdir "$d"';
  return run('sh', ['-c', script]).then(
    () => true,
    () => false,
  );
}

export async function mountSmallDisk(stage: Stage, mebibytes: number): Promise<SmallDisk> {
  const folder = await tempDir(stage, 'small-disk');
  await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder]);
  // Before the folder is removed; lazily, since a process that was killed may hold it a little longer.
  stage.defer(async () => {
    await run('umount', ['-l', folder]);
  });
  const ballast = join(folder, 'ballast');
  return {
    folder,
    async fill() {
      const { bavail, bsize } = await statfs(folder);
      await appendFile(ballast, Buffer.alloc(bavail * bsize)).catch(error => {
        if (error.code !== 'ENOSPC') throw error;
      });
    },
    free: () => rm(ballast, { force: true }),
  };
}

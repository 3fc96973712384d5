import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { withLock } from './lock.ts';

/** `${XDG_CACHE_HOME:-~/.cache}/spanpass-engines`: shared by all checkouts of this user. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'spanpass-engines');
}

export interface CachedBuild {
  readonly name: string;
  readonly version: string;
  /** The file that must be in the built folder, relative to it. */
  readonly executable: string;
  /** Fills `outDir`; `workDir` is scratch space that is thrown away. */
  build(outDir: string, workDir: string): Promise<void>;
}

/**
 * The path of the executable in the cache, built first where it isn't there. It appears by a rename, whole or not at all;
 * of two processes that want it, one builds and the other waits.
 */
export async function cached(what: CachedBuild, root: string = cacheDir()): Promise<string> {
  const home = join(root, what.name, what.version);
  const executable = join(home, what.executable);
  if (existsSync(executable)) return executable;
  await mkdir(dirname(home), { recursive: true });
  await withLock(`${home}.lock`, async () => {
    if (existsSync(executable)) return;
    // Beside the final place, since a rename does not cross file systems.
    const scratch = await mkdtemp(join(dirname(home), '.building-'));
    try {
      const outDir = join(scratch, 'out');
      const workDir = join(scratch, 'work');
      await Promise.all([mkdir(outDir), mkdir(workDir)]);
      await what.build(outDir, workDir);
      if (!existsSync(join(outDir, what.executable))) throw new Error(`the build left no ${what.executable}`);
      await rm(home, { recursive: true, force: true });
      await rename(outDir, home);
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
  return executable;
}

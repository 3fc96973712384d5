import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { repoRoot, testRoot } from './root.ts';
import { progress, run } from './run.ts';

/** The version that this one is to work with: at a release, the tag of the one before. */
export interface PreviousVersion {
  readonly version: string;
  /** In full. */
  readonly commit: string;
  readonly why: string;
}

export function previousVersion(): PreviousVersion {
  return JSON.parse(readFileSync(join(testRoot, 'upgrade', 'previous.json'), 'utf8')) as PreviousVersion;
}

/** A checkout of the previous version, built. The path is that of its command. */
export function installPrevious(): Promise<string> {
  const { version, commit } = previousVersion();
  return cached({
    name: 'previous',
    version: `${version}-${commit.slice(0, 12)}`,
    executable: join('packages', 'cli', 'dist', 'main.js'),
    async build(outDir, workDir) {
      const tar = join(workDir, 'sources.tar');
      await run('git', ['archive', '--format=tar', '-o', tar, commit], { cwd: repoRoot }).catch(cause => {
        throw new Error(`the history of this checkout does not hold ${commit.slice(0, 12)}: git fetch --unshallow`, {
          cause,
        });
      });
      await run('tar', ['-xf', tar, '-C', outDir]);
      // Its suites are not run.
      await rm(join(outDir, 'test'), { recursive: true, force: true });
      progress(`building the previous version ${version} (${commit.slice(0, 12)}) …`);
      await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: outDir });
      await run('npx', ['tsc', '-b', join('packages', 'cli')], { cwd: outDir });
    },
  });
}

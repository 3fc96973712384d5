import { createHash } from 'node:crypto';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { engineVersions } from './names.ts';
import { repoRoot } from './root.ts';
import { progress, run } from './run.ts';

const examples = join(repoRoot, 'docs', 'spec', 'examples');

/** The worked example of a piped in Go, built as its reader would. */
export async function installPipedGo(): Promise<string> {
  const sources = join(examples, 'go');
  return cached({
    name: 'piped-go',
    version: await versionOf(engineVersions['piped-go'], sources, /\.(go|mod|sum)$/),
    executable: 'piped',
    async build(outDir, workDir) {
      await cp(sources, workDir, { recursive: true });
      progress('building the example of a piped in Go …');
      await run('go', ['build', '-mod=readonly', '-o', join(outDir, 'piped'), '.'], { cwd: workDir });
    },
  });
}

/** A Python that has what the worked example of a piped in Python requires; the path is that of the interpreter. */
export async function installPipedPython(): Promise<string> {
  const sources = join(examples, 'python');
  return cached({
    name: 'piped-python',
    version: await versionOf(engineVersions['piped-python'], sources, /^requirements\.txt$/),
    executable: 'bin/python',
    async build(outDir) {
      progress('installing what the example of a piped in Python requires …');
      await run('python3', ['-m', 'venv', '--clear', outDir]);
      const flags = ['--quiet', '--disable-pip-version-check', '--only-binary=:all:', '--no-deps'];
      const requirements = ['-r', join(sources, 'requirements.txt')];
      await run(join(outDir, 'bin', 'python'), ['-m', 'pip', 'install', ...flags, ...requirements]);
    },
  });
}

export const pipedInPython = join(examples, 'python', 'piped.py');

/** A version, and a digest of the files that what is built of it depends on. */
async function versionOf(version: string, folder: string, relevant: RegExp): Promise<string> {
  const files = (await readdir(folder, { recursive: true })).filter(file => relevant.test(file)).sort();
  const digest = createHash('sha256');
  for (const file of files) digest.update(`${file}\0`).update(await readFile(join(folder, file)));
  return `${version}-${digest.digest('hex').slice(0, 16)}`;
}

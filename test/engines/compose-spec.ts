import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { engineVersions } from './names.ts';
import { testRoot } from './root.ts';
import { progress, run } from './run.ts';

const version = engineVersions['compose-spec'];

/** A program of this folder that loads a compose file as `docker compose` does, by the loader that it is built on. */
export function installComposeSpec(): Promise<string> {
  return cached({
    name: 'compose-spec',
    version,
    executable: 'compose-config',
    async build(outDir, workDir) {
      for (const file of ['go.mod', 'go.sum', 'main.go']) {
        await copyFile(join(testRoot, 'engines', 'compose-spec', file), join(workDir, file));
      }
      progress(`building the loader of compose files ${version} (half a minute) …`);
      await run('go', ['build', '-mod=readonly', '-o', join(outDir, 'compose-config'), '.'], { cwd: workDir });
    },
  });
}

import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { engineVersions } from './names.ts';
import { testRoot } from './root.ts';
import { progress, run } from './run.ts';

const version = engineVersions.jaeger;
const command = 'github.com/jaegertracing/jaeger/cmd/jaeger';

/** The binary alone: the module holds no built web pages, so its query API answers and its UI doesn't. */
export function installJaeger(): Promise<string> {
  return cached({
    name: 'jaeger',
    version,
    executable: 'jaeger',
    async build(outDir, workDir) {
      for (const file of ['go.mod', 'go.sum']) {
        await copyFile(join(testRoot, 'engines', 'jaeger', file), join(workDir, file));
      }
      progress(`building Jaeger ${version} (about four minutes) …`);
      const flags = ['-mod=readonly', '-ldflags', '-s -w'];
      await run('go', ['build', ...flags, '-o', join(outDir, 'jaeger'), command], { cwd: workDir });
    },
  });
}

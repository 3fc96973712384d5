import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { engineVersions } from './names.ts';
import { progress, run } from './run.ts';

export const nodeEngines = ['node-20', 'node-22', 'node-24'] as const;

/** The binary of a release of Node.js, which npm has a package of for each platform. */
export function installNode(name: (typeof nodeEngines)[number]): Promise<string> {
  const version = engineVersions[name];
  return cached({
    name,
    version,
    executable: 'node',
    async build(outDir, workDir) {
      progress(`downloading Node.js ${version} …`);
      const packageName = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
      await writeFile(join(workDir, 'package.json'), '{"private":true}');
      const flags = ['--no-audit', '--no-fund', '--no-save', '--ignore-scripts', '--force'];
      await run('npm', ['install', ...flags, `${packageName}@${version}`], { cwd: workDir });
      const binary = join(outDir, 'node');
      await copyFile(join(workDir, 'node_modules', packageName, 'bin', 'node'), binary);
      await chmod(binary, 0o755);
    },
  });
}

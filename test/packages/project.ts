import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../engines/run.ts';
import type { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';

export interface Project {
  readonly folder: string;
  readonly lock: Lock;
}

export interface Lock {
  /** By path, as in package-lock.json. */
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

export interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly optional?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** An empty project into which these were installed, as a user would. What is in npm's cache is not asked for again. */
export async function projectWith(stage: Stage, packages: readonly string[]): Promise<Project> {
  const folder = await tempDir(stage, 'project');
  await writeFile(join(folder, 'package.json'), '{"name":"app","version":"1.0.0","private":true,"type":"module"}');
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...packages], { cwd: folder });
  return { folder, lock: JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8')) as Lock };
}

/** Names of all that comes with a package, itself left out, as Node.js would find them: beside the one that asks, or above. */
export function treeOf({ packages }: Lock, name: string): string[] {
  const seen = new Set<string>();
  const queue = [`node_modules/${name}`];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    const { dependencies, optionalDependencies, peerDependencies } = packages[at] ?? {};
    for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      const found = find(packages, at, dependency);
      // An optional one is not there for every platform.
      if (found !== undefined && packages[found]?.optional !== true) queue.push(found);
    }
  }
  seen.delete(`node_modules/${name}`);
  return [
    ...new Set([...seen].map(path => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length))),
  ].sort();
}

function find(packages: Lock['packages'], from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
    const path = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (path in packages) return path;
    if (folder === '') return undefined;
  }
}

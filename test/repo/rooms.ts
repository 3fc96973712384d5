import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { importsOf } from './imports-of.ts';

/** Who may import whom, among this repository's packages; `test` may import all. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  '@spanpass/credential': [],
  '@spanpass/client': ['@spanpass/credential'],
  // Not the client: the two meet in the application.
  '@spanpass/tracing': [],
  '@spanpass/server': ['@spanpass/credential'],
  // The console's built files, which it serves.
  '@spanpass/control-plane': ['@spanpass/credential', '@spanpass/console'],
  '@spanpass/console': [],
  // Nothing is imported there: it runs the command.
  '@spanpass/deploy': [],
  spanpass: [
    '@spanpass/credential',
    '@spanpass/client',
    '@spanpass/tracing',
    '@spanpass/server',
    '@spanpass/control-plane',
    '@spanpass/console',
  ],
};

/** What these import is in the files that are built of them: who installs them needs none of it. */
const bundled = new Set(['@spanpass/console']);

const own = new Set(Object.keys(arrows));

/** What a credential is must not depend on a file, a socket or a process. */
const inputAndOutput = /^node:(fs|net|tls|dgram|http|https|http2|dns|child_process|worker_threads|cluster)(\/|$)/;

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** One line for each import or dependency, in the packages under `root`, that goes against an arrow. */
export async function forbiddenImports(root: string): Promise<string[]> {
  const folders = (await readdir(join(root, 'packages'))).map(name => join(root, 'packages', name));
  const found = await Promise.all(folders.map(folder => forbiddenIn(root, folder)));
  return found.flat().sort();
}

async function forbiddenIn(root: string, folder: string): Promise<string[]> {
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
  const allowed = arrows[manifest.name];
  if (allowed === undefined) return [`${relative(root, folder)}: ${manifest.name} is not among the rooms`];
  const { dependencies, peerDependencies, optionalDependencies, devDependencies } = manifest;
  const builtIn = bundled.has(manifest.name) ? devDependencies : {};
  const shipped = { ...dependencies, ...peerDependencies, ...optionalDependencies, ...builtIn };
  const declared = new Set([...Object.keys(shipped), manifest.name]);
  const declaredForTests = new Set([...declared, ...Object.keys(devDependencies ?? {}), 'vitest']);

  const lines = [...declaredForTests]
    .filter(name => own.has(name) && name !== manifest.name && !allowed.includes(name))
    .map(name => `${relative(root, folder)}/package.json: depends on ${name}`);

  for (const file of await sources(join(folder, 'src'))) {
    const where = relative(root, file);
    const mayUse = isForTests(file) ? declaredForTests : declared;
    for (const target of importsOf(await readFile(file, 'utf8'))) {
      const problem = judge(target, { manifest, folder, file, allowed, mayUse });
      if (problem !== undefined) lines.push(`${where}: ${problem}`);
    }
  }
  return lines;
}

interface Place {
  readonly manifest: Manifest;
  readonly folder: string;
  readonly file: string;
  readonly allowed: readonly string[];
  readonly mayUse: ReadonlySet<string>;
}

function judge(target: string, { manifest, folder, file, allowed, mayUse }: Place): string | undefined {
  if (target.startsWith('.')) {
    const outside = relative(folder, join(file, '..', target)).startsWith('..');
    return outside ? `reaches out of its package: ${target}` : undefined;
  }
  if (target.startsWith('node:')) {
    const pure = manifest.name === '@spanpass/credential' && !isForTests(file);
    return pure && inputAndOutput.test(target) ? `does input or output: ${target}` : undefined;
  }
  const name = packageName(target);
  if (own.has(name) && name !== manifest.name && !allowed.includes(name)) return `imports ${name}`;
  return mayUse.has(name) ? undefined : `imports ${name}, which its package.json does not declare`;
}

function packageName(target: string): string {
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
}

function isForTests(file: string): boolean {
  return /\.(test|bench)\./.test(file) || /\/(testing|fixtures|testdata)(\/|\.ts$)/.test(file);
}

async function sources(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter(entry => entry.isFile() && /\.(ts|tsx|mts|js|mjs)$/.test(entry.name))
    .map(entry => join(entry.parentPath, entry.name));
}

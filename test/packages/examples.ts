import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { importsOf, manifestOf, publishedRooms } from './published.ts';

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');

/** The first example in TypeScript of the README that came with an installed package. */
export async function firstExample(folder: string, packageName: string): Promise<string> {
  const readme = await readFile(join(folder, 'node_modules', packageName, 'README.md'), 'utf8');
  return /^```ts\n(.*?)^```$/ms.exec(readme)?.[1] ?? '';
}

/** What an example says that it prints. */
export function promisedOutput(example: string): string[] {
  return [...example.matchAll(/^\s*console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text ?? '');
}

/**
 * Compiles these files in the project, with our declarations checked as well, not only used. What is wrong inside the declarations of
 * others is theirs.
 *
 * @throws with what the compiler says
 */
export async function compile(
  folder: string,
  resolution: { readonly module: string; readonly moduleResolution: string },
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const config = {
    compilerOptions: {
      ...resolution,
      target: 'es2023',
      lib: ['es2023', 'esnext.disposable'],
      types: ['node'],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      rootDir: '.',
      outDir: '.',
    },
    files: Object.keys(files),
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 120_000,
  });
  const problems = stdout.split('\n').filter(line => /^\S+\(\d+,\d+\): error/.test(line) || line.startsWith('error'));
  const own = problems.filter(line => !/node_modules\/(?!(?:@spanpass|spanpass)\/)/.test(line));
  if (own.length > 0) throw new Error(`does not compile:\n${own.join('\n')}`);
}

/** A program that imports each path that the packages export, and says of each how many names it found there. */
export function importEverything(): string {
  const paths = publishedRooms.flatMap(room => importsOf(manifestOf(room)));
  const lines = paths.flatMap((path, at) => [
    `import * as all${at} from '${path}';`,
    `console.log('${path}', Object.keys(all${at}).length);`,
  ]);
  return `${lines.join('\n')}\n`;
}

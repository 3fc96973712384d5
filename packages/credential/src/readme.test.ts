import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';

const run = promisify(execFile);
const room = fileURLToPath(new URL('..', import.meta.url));
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');

it('the example of the README compiles and prints what it says', { timeout: 60_000 }, async () => {
  const readme = await readFile(join(room, 'README.md'), 'utf8');
  const [example = '', ...more] = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code ?? '');
  expect([example, more]).toEqual([expect.stringContaining('verifyCredential'), []]);

  // Below `dist`, where the package's own name resolves and nobody commits.
  const folder = await mkdtemp(join(room, 'dist', 'readme-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'example.ts'), example);
  const compilerOptions = { composite: false, declaration: false, declarationMap: false, rootDir: '.' };
  const settings = { extends: join(room, '..', '..', 'tsconfig.json'), compilerOptions, files: ['example.ts'] };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  await run(process.execPath, [tsc, '-p', folder]);

  const said = [...example.matchAll(/console\.log\(.*\/\/ (.*)$/gm)].map(([, text]) => text);
  const { stdout } = await run(process.execPath, [join(folder, 'example.js')]);
  expect(stdout.trim().split('\n')).toEqual(said);
});

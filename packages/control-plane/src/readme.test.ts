import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const ROOM = join(import.meta.dirname, '..');
const TSC = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const TIMEOUT_MS = 120_000;

/** Compiled, and so checked, below `dist`, where the package's own name resolves. */
let folder: string;
let example: string;

beforeAll(async () => {
  folder = await mkdtemp(join(ROOM, 'dist/readme-'));
  [, example = ''] = /^```ts\n(.*?)^```$/ms.exec(await readFile(join(ROOM, 'README.md'), 'utf8')) ?? [];
  await writeFile(join(folder, 'example.ts'), example);
  const settings = {
    extends: join(ROOM, '../../tsconfig.json'),
    compilerOptions: { composite: false, declaration: false, declarationMap: false, rootDir: '.' },
    files: ['example.ts'],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  const compile = promisify(execFile)(process.execPath, [TSC, '-p', folder], { timeout: TIMEOUT_MS });
  await compile.catch((error: { stdout?: string }) => expect.fail(`does not compile:\n${error.stdout}`));
}, TIMEOUT_MS);
afterAll(() => rm(folder, { recursive: true, force: true }));

it('shows what happens', { timeout: TIMEOUT_MS }, async () => {
  const shown = [...example.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text);
  expect(shown).toHaveLength(3);
  // Where it runs, it makes its data directory.
  const options = { cwd: folder, env: { PATH: process.env.PATH }, timeout: TIMEOUT_MS };
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'example.js')], options);
  expect(stdout.trim().split('\n')).toEqual(shown);
});

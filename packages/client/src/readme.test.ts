import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { ENROLLMENT_TOKEN, startControlPlane } from './testing/control-plane.ts';
import { temporaryDirectory, verifyAuthorization } from './testing/fixture.ts';
import { startOtlpServer } from './testing/otlp-grpc-server.ts';

const run = promisify(execFile);
const ROOM = fileURLToPath(new URL('..', import.meta.url));
const TSC = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const TIMEOUT_MS = 60_000;

it('the example of the README compiles, enrolls, and exports with a credential', { timeout: TIMEOUT_MS }, async () => {
  const controlPlane = await startControlPlane(Date.now);
  const server = await startOtlpServer();
  const readme = await readFile(join(ROOM, 'README.md'), 'utf8');
  const [example = '', ...more] = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code ?? '');
  expect([example, more]).toEqual([expect.stringContaining('createClient'), []]);

  // Below `dist`, where the package's own name resolves and nobody commits.
  const folder = await mkdtemp(join(ROOM, 'dist', 'readme-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const code = example
    .replace('http://127.0.0.1:9085', controlPlane.url)
    .replace('http://127.0.0.1:4317', `http://127.0.0.1:${server.port}`);
  await writeFile(join(folder, 'example.ts'), code);
  const settings = {
    extends: join(ROOM, '..', '..', 'tsconfig.json'),
    compilerOptions: { composite: false, declaration: false, declarationMap: false, rootDir: '.' },
    files: ['example.ts'],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  await run(process.execPath, [TSC, '-p', folder], { timeout: TIMEOUT_MS });

  const cwd = await temporaryDirectory();
  const env = { PATH: process.env.PATH, ENROLLMENT_TOKEN };
  const output = await run(process.execPath, [join(folder, 'example.js')], { cwd, env, timeout: TIMEOUT_MS });
  expect(output).toEqual({ stdout: '', stderr: '' });
  expect(server.received).toHaveLength(1);
  const record = controlPlane.record() ?? expect.fail('nothing was enrolled');
  await verifyAuthorization(server.received[0]?.authorization[0], record, Date.now);
});

import { execFile } from 'node:child_process';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { transformWithOxc } from 'vite';
import { expect, it } from 'vitest';
import { ENROLLMENT_TOKEN, startControlPlane } from './testing/control-plane.ts';
import { temporaryDirectory, verifyAuthorization } from './testing/fixture.ts';
import { startOtlpServer } from './testing/otlp-grpc-server.ts';

const read = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

it('the example of the README enrolls, and exports with a credential', async () => {
  const controlPlane = await startControlPlane(Date.now);
  const server = await startOtlpServer();
  const readme = await readFile(read('README.md'), 'utf8');
  const [example, ...more] = [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code ?? '');
  expect([example, more]).toEqual([expect.any(String), []]);
  const { code } = await transformWithOxc(
    String(example)
      .replace('http://127.0.0.1:9085', controlPlane.url)
      .replace('http://127.0.0.1:4317', `http://127.0.0.1:${server.port}`),
    'example.ts',
  );

  // A project of its own, into which the packages were installed.
  const directory = await temporaryDirectory();
  await symlink(read('../../node_modules'), join(directory, 'node_modules'));
  await writeFile(join(directory, 'example.mjs'), code);
  const env = { PATH: process.env.PATH, ENROLLMENT_TOKEN };
  const output = await promisify(execFile)(process.execPath, ['example.mjs'], { cwd: directory, env, timeout: 20_000 });

  expect(output).toEqual({ stdout: '', stderr: '' });
  expect(server.received).toHaveLength(1);
  const record = controlPlane.record() ?? expect.fail('nothing was enrolled');
  await verifyAuthorization(server.received[0]?.authorization[0], record, Date.now);
});

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { traceIdOf } from './ids.ts';

const ROOM = fileURLToPath(new URL('..', import.meta.url));
const TSC = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const TIMEOUT_MS = 60_000;

const node = (...args: string[]) =>
  promisify(execFile)(process.execPath, args, { cwd: ROOM, timeout: TIMEOUT_MS, env: { PATH: process.env.PATH } });

/** Compiles, and so checks the types of, the README's block and the example; inside the package (below `dist`, which nobody commits), where its name resolves. */
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(ROOM, 'dist/readme-'));
  const readme = await readFile(path.join(ROOM, 'README.md'), 'utf8');
  const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(match => match[1] ?? '');
  expect(blocks).toHaveLength(1);
  await writeFile(path.join(folder, 'readme.ts'), blocks.join(''));
  await cp(path.join(ROOM, 'examples/rollout.ts'), path.join(folder, 'rollout.ts'));
  const compilerOptions = { composite: false, declaration: false, declarationMap: false, rootDir: '.' };
  const settings = {
    extends: path.join(ROOM, '../../tsconfig.json'),
    compilerOptions,
    files: ['readme.ts', 'rollout.ts'],
  };
  await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify(settings));
  await node(TSC, '-p', folder).catch((error: { stdout?: string }) =>
    expect.fail(`does not compile:\n${error.stdout}`),
  );
}, TIMEOUT_MS);
afterAll(() => rm(folder, { recursive: true, force: true }));

test('the example of the README runs as it is', async () => {
  const { stdout } = await node(path.join(folder, 'readme.js'));
  const id = traceIdOf('d-1');
  expect(stdout.trim().split('\n')).toEqual([
    `${id} Plan -`,
    `${id} apply manifests s-1`,
    `${id} K8S_CANARY_ROLLOUT s-1`,
    `${id} ANALYSIS s-2`,
    `${id} Deploy -`,
  ]);
});

describe('the example piped', () => {
  test('rolls out', async () => {
    const { stdout } = await node(path.join(folder, 'rollout.js'));
    expect(stdout.trim().split('\n')).toEqual([
      'Deploy  success',
      '  Plan  success',
      '    load manifests',
      '  K8S_CANARY_ROLLOUT  success',
      '    apply manifests',
      '    wait for pods',
      '  ANALYSIS  skip',
      '  WAIT_APPROVAL  success',
      '  K8S_PRIMARY_ROLLOUT  success',
    ]);
  });

  test('killed in mid-deployment and started again, tells how that ended', async () => {
    const env = { PATH: process.env.PATH, PIPED_JOURNAL: path.join(folder, 'journal') };
    const script = path.join(folder, 'rollout.js');
    const piped = spawn(process.execPath, [script], { env, stdio: 'ignore' });
    const isWithin = async (what: string) => {
      const files = await readdir(env.PIPED_JOURNAL).catch(() => []);
      const texts = files.map(file => readFile(path.join(env.PIPED_JOURNAL, file), 'latin1').catch(() => ''));
      return (await Promise.all(texts)).some(text => text.includes(what));
    };
    while (piped.exitCode === null && !(await isWithin('K8S_CANARY_ROLLOUT')));
    piped.kill('SIGKILL');
    await once(piped, 'exit');
    expect(piped.signalCode).toBe('SIGKILL');
    const { stdout } = await promisify(execFile)(process.execPath, [script], { env, timeout: TIMEOUT_MS });
    const lines = stdout.trim().split('\n');
    expect(lines[0]).toBe('Deploy  error  the piped was killed');
    expect(lines.filter(line => line.startsWith('Deploy'))).toHaveLength(2);
  });

  test('rolls back', async () => {
    const run = await node(path.join(folder, 'rollout.js'), 'canary-fails').catch((error: unknown) => error);
    expect(run).toMatchObject({ code: 1, stderr: '' });
    const message = 'pod checkout-canary-0: ImagePullBackOff';
    expect((run as { stdout: string }).stdout.trim().split('\n')).toEqual([
      `Deploy  failure  stage K8S_CANARY_ROLLOUT failed: ${message}`,
      '  Plan  success',
      '    load manifests',
      `  K8S_CANARY_ROLLOUT  failure  ${message}`,
      '    apply manifests',
      `    wait for pods    ${message}`,
      '  K8S_PRIMARY_ROLLOUT  cancellation  the canary failed',
      '  ROLLBACK  success',
    ]);
  });
});

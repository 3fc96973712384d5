import { execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { FREE_PORTS } from './free-ports.test.support.ts';

const run = promisify(execFile);
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

it('the example of the README runs against spanpass up', { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'spanpass-readme-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const command = join(folder, 'spanpass');
  await writeFile(command, `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
  await chmod(command, 0o755);

  const env = { PATH: `${folder}:${process.env.PATH}`, SPANPASS_ENVOY: 'none' };
  const up = spawn(command, ['up', '--json', ...FREE_PORTS], { cwd: folder, env, stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = new Promise(resolve => up.once('exit', resolve));
  onTestFinished(async () => {
    up.kill('SIGTERM');
    await ended;
  });
  const line = await new Promise<string>((resolve, reject) => {
    up.stdout.once('data', chunk => resolve(String(chunk)));
    up.once('exit', code => reject(new Error(`up ended with ${code}`)));
  });
  const { gateway, controlPlane } = JSON.parse(line);

  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const [example = '', ...more] = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, code]) => code ?? '');
  expect([example, more]).toEqual([expect.stringContaining('spanpass enroll'), []]);
  const script = `set -eu\n${example.replace('127.0.0.1:4318', gateway.http)}`;
  const { stdout } = await run('/bin/sh', ['-c', script], {
    cwd: folder,
    env: { ...env, SPANPASS_CONTROL_PLANE: controlPlane },
  });

  expect(stdout).toMatch(/^edge-1 of shop is enrolled with key /);
  expect(stdout).toMatch(/\{\}(?:(?:ok|-) [^\n]+\n)+\nAllowed, as edge-1 of shop, until /);
  expect(stdout).toMatch(
    /edge-1 of shop is disabled\.\nedge-1 of shop may send traces, metrics\.\n(?:(?:ok|FAIL|-) [^\n]+\n)+\nRefused with PERMISSION_DENIED \(7\), over HTTP 403:\npiped_disabled: [^\n]+\nSee [^\n]+\n$/,
  );
  for (const file of ['envoy.yaml', 'collector.yaml'])
    expect(parse(await readFile(join(folder, file), 'utf8'))).toBeTypeOf('object');
});

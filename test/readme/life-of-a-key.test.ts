import { execFile } from 'node:child_process';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { repoRoot } from '../engines/root.ts';
import { freePorts } from '../harness/ports.ts';
import { startProcess } from '../harness/process.ts';
import { spanpassCommand } from '../harness/servers.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { answersOk, waitFor } from '../harness/wait.ts';

const run = promisify(execFile);
const page = await readFile(join(repoRoot, 'docs', 'operations', 'life-of-a-key.md'), 'utf8');
const [services = '', ...steps] = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, code]) => code ?? '');

const stage = new Stage();
let folder: string;
let env: NodeJS.ProcessEnv;
const printed: string[] = [];

beforeAll(async () => {
  folder = await tempDir(stage, 'life-of-a-key');
  const command = join(folder, 'spanpass');
  await writeFile(command, `#!/bin/sh\nexec "${process.execPath}" "${spanpassCommand}" "$@"\n`);
  await chmod(command, 0o755);
  // What the page leaves to the defaults: other suites may use those ports.
  const ports = await freePorts('port', 'grpc', 'http', 'metrics');
  env = {
    PATH: `${folder}:${process.env.PATH}`,
    SPANPASS_CONTROL_PLANE: `http://127.0.0.1:${ports.port}`,
    SPANPASS_PORT: String(ports.port),
    SPANPASS_GRPC_PORT: String(ports.grpc),
    SPANPASS_HTTP_PORT: String(ports.http),
    SPANPASS_METRICS_PORT: String(ports.metrics),
  };
  const readyPorts = [ports.port, ports.metrics];
  for (const [at, line] of services.trim().split('\n').entries()) {
    await startProcess(stage, {
      name: line,
      command: '/bin/sh',
      args: ['-euc', `${line.replace(/spanpass /, 'exec spanpass ')}`],
      cwd: folder,
      env,
      ready: () => answersOk(`http://127.0.0.1:${readyPorts[at]}/readyz`),
      readyWithinMs: 60_000,
    });
  }
});
afterAll(() => stage.dispose());

it.each(steps.map((code, at) => ({ code, at })))(
  'step $at of the page does what it says: $code',
  { timeout: 90_000 },
  async ({ code }) => {
    if (code.includes('audit.heads'))
      await waitFor('a head', () => readFile(join(folder, 'audit.heads'), 'utf8'), 30_000);
    const { stdout } = await run('/bin/sh', ['-euc', code], { cwd: folder, env: { ...process.env, ...env } });
    printed.push(stdout);
  },
);

it('and the reader sees what the page promises', () => {
  const all = printed.join('\n');
  expect(all.match(/Allowed, as edge-1 of shop/g)).toHaveLength(3);
  for (const action of ['piped.registered', 'key.enrolled', 'key.renewed', 'key.revoked', 'piped.disabled']) {
    expect(all).toContain(action);
  }
  expect(page).toContain('spanpass audit verify --head audit.heads --key audit-keys.json');
});

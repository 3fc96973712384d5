import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { encodeCheckRequest } from './ext-authz/check-request.test.support.ts';
import { connectRaw } from './ext-authz/raw-client.test.support.ts';
import { createPiped } from './fixture.test.support.ts';
import { CheckResponse } from './generated/ext_authz.ts';
import { startFakeControlPlane } from './keys/fake-control-plane.test.support.ts';
import { listening } from './operations/listening.ts';

const ROOM = fileURLToPath(new URL('..', import.meta.url));
const TSC = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const TIMEOUT_MS = 60_000;

/** Compiled, and so checked, below `dist`, where the package's own name resolves and nobody commits. */
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(ROOM, 'dist/readme-'));
  const readme = await readFile(path.join(ROOM, 'README.md'), 'utf8');
  const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(match => match[1] ?? '');
  const files = ['start.ts', 'guard.ts', 'own.ts'];
  expect(blocks).toHaveLength(files.length);
  for (const [index, file] of files.entries()) await writeFile(path.join(folder, file), blocks[index] ?? '');
  const settings = {
    extends: path.join(ROOM, '../../tsconfig.json'),
    compilerOptions: { composite: false, declaration: false, declarationMap: false, rootDir: '.' },
    files,
  };
  await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify(settings));
  const compile = promisify(execFile)(process.execPath, [TSC, '-p', folder], { timeout: TIMEOUT_MS });
  await compile.catch((error: { stdout?: string }) => expect.fail(`does not compile:\n${error.stdout}`));
}, TIMEOUT_MS);
afterAll(() => rm(folder, { recursive: true, force: true }));

it('shows an auth server that starts, checks and stops', { timeout: TIMEOUT_MS }, async () => {
  await using controlPlane = await startFakeControlPlane();
  const piped = await createPiped();
  const seconds = Math.floor(Date.now() / 1000);
  controlPlane.put({ ...piped.record, notBefore: seconds - 60, notAfter: seconds + 3600 });
  const port = await freePort();
  const env = {
    PATH: process.env.PATH,
    SPANPASS_CONTROL_PLANE: controlPlane.url,
    SPANPASS_AUTH_SERVER_TOKEN: controlPlane.token,
    SPANPASS_PORT: String(port),
    SPANPASS_HTTP_PORT: '0',
    SPANPASS_METRICS_PORT: '0',
  };
  const child = spawn(process.execPath, [path.join(folder, 'start.js')], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const ended = new Promise(resolve => child.once('exit', resolve));
    let log = '';
    child.stdout.on('data', chunk => {
      log += chunk;
    });
    await vi.waitFor(() => expect(log).toContain('"freshness":"live"'), { timeout: TIMEOUT_MS });
    await using client = connectRaw(`127.0.0.1:${port}`);
    const headers = { authorization: `Bearer ${await piped.sign({ now: Date.now })}` };
    const answer = await client.check(encodeCheckRequest({ headers }));
    expect(CheckResponse.decode(answer as Buffer).dynamicMetadata?.fields.piped?.stringValue).toBe('edge-1');
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  } finally {
    child.kill('SIGKILL');
  }
});

it('shows an authenticator of your own', { timeout: TIMEOUT_MS }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(folder, 'own.js')], {
    timeout: TIMEOUT_MS,
  });
  expect(stdout).toBe('edge-1\ncredential_missing\n');
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await listening(probe, '127.0.0.1', 0);
  const address = probe.address();
  await new Promise(resolve => probe.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

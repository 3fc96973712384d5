import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { FREE_PORTS } from './free-ports.test.support.ts';
import { findEnvoy } from './up/find-envoy.ts';

const run = promisify(execFile);
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const envoy = await findEnvoy(process.env);
const needsEnvoy = envoy ? '' : ' (skipped: no Envoy on the PATH or in the engines cache)';
const TIMEOUT = { timeout: 60_000 };

let dir: string;
const started: ChildProcess[] = [];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spanpass-main-'));
});
afterAll(() => rm(dir, { recursive: true }));
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

const environment = (more: NodeJS.ProcessEnv = {}) => ({ PATH: process.env.PATH, HOME: process.env.HOME, ...more });

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function spanpass(args: string[], env?: NodeJS.ProcessEnv): Promise<Result> {
  return run(process.execPath, [main, ...args], { env: environment(env), timeout: 60_000 }).then(
    output => ({ code: 0, ...output }),
    error => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
  );
}

/** Starts `up` and waits until it says that it is ready. */
async function startUp(dataDir: string, env?: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [main, 'up', '--data-dir', dataDir, ...FREE_PORTS, '--json'], {
    env: environment(env),
  });
  started.push(child);
  const output = { stdout: '', stderr: '' };
  child.stderr.on('data', chunk => {
    output.stderr += chunk;
  });
  const ended = new Promise<number | string | null>(resolve =>
    child.once('exit', (code, signal) => resolve(code ?? signal)),
  );
  const addresses = await new Promise<{ gateway: { kind: string } }>((resolve, reject) => {
    child.stdout.on('data', chunk => {
      output.stdout += chunk;
      if (output.stdout.endsWith('\n')) resolve(JSON.parse(output.stdout));
    });
    void ended.then(code => reject(new Error(`ended with ${code}: ${output.stderr}`)));
  });
  return { child, ended, output, addresses };
}

/** Processes whose command line holds `text`: the children of one `up` are told by their data directory. */
async function processesWith(text: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map(pid => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter(line => line.includes(text));
}

describe('spanpass up --demo --exit', () => {
  const demo = (dataDir: string) => ['up', '--demo', '--exit', '--json', '--data-dir', dataDir, ...FREE_PORTS];

  it(`with Envoy, then built in on the same data: all goes as it should${needsEnvoy}`, TIMEOUT, async () => {
    const dataDir = join(dir, 'demo');
    const runs: [string, RegExp][] = [
      ...(envoy ? [[envoy, /^Envoy/] as [string, RegExp]] : []),
      ['none', /^the built-in receiver$/],
    ];
    for (const [which, kind] of runs) {
      const { code, stdout, stderr } = await spanpass(demo(dataDir), { SPANPASS_ENVOY: which });
      expect(stderr).not.toContain('spanpass:');
      const report = JSON.parse(stdout);
      expect(report.gateway.kind).toMatch(kind);
      expect(report.demo).toMatchObject({ ok: true, problems: [] });
      expect(report.demo.firstAcceptedMs).toBeGreaterThan(0);
      expect(code).toBe(0);
    }
    expect(await processesWith(dataDir)).toEqual([]);
    expect((await readdir(dataDir)).filter(name => name.startsWith('demo-'))).toEqual([]);
  });
});

describe.skipIf(process.platform !== 'linux')('spanpass up', () => {
  it(`leaves no child behind when it is asked to stop${needsEnvoy}`, TIMEOUT, async () => {
    const dataDir = join(dir, 'stopped');
    const { child, ended, output, addresses } = await startUp(dataDir);
    if (envoy) expect(addresses.gateway.kind).toMatch(/^Envoy/);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(output.stderr).toMatch(/stopping …\n$/);
    expect(await processesWith(dataDir)).toEqual([]);
  });

  it(`leaves no child and no lock behind when it is killed${needsEnvoy}`, TIMEOUT, async () => {
    const dataDir = join(dir, 'killed');
    const { child, ended } = await startUp(dataDir);
    expect((await processesWith(dataDir)).length).toBeGreaterThanOrEqual(envoy ? 2 : 1);
    child.kill('SIGKILL');
    expect(await ended).toBe('SIGKILL');
    await vi.waitFor(async () => expect(await processesWith(dataDir)).toEqual([]), 5_000);
    expect((await spanpass(['up', '--exit', '--data-dir', dataDir, ...FREE_PORTS])).code).toBe(0);
  });

  it('keeps a second one out of its data, in one line', TIMEOUT, async () => {
    const dataDir = join(dir, 'shared');
    await startUp(dataDir, { SPANPASS_ENVOY: 'none' });
    const { code, stderr } = await spanpass(['up', '--exit', '--data-dir', dataDir, ...FREE_PORTS]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^starting .*\nspanpass: .* is in use by the process \d+: stop it, or choose another data directory\n$/,
    );
  });
});

describe('each server alone', () => {
  it('a control plane and an auth server find each other, and stop with 0', TIMEOUT, async () => {
    const dataDir = join(dir, 'alone');
    const tokens = {
      SPANPASS_ADMIN_TOKEN: 'a'.repeat(32),
      SPANPASS_AUTH_SERVER_TOKEN: 'b'.repeat(32),
      SPANPASS_DATA_DIR: dataDir,
    };
    const { url, stop: stopControlPlane } = await start('control-plane', { ...tokens, SPANPASS_PORT: '0' });
    const moved = {
      SPANPASS_CONTROL_PLANE: url,
      SPANPASS_GRPC_PORT: '0',
      SPANPASS_HTTP_PORT: '0',
      SPANPASS_METRICS_PORT: '0',
    };
    const { metricsAddress, stop: stopServer } = await start('server', { ...tokens, ...moved });
    await vi.waitFor(async () => expect((await fetch(`http://${metricsAddress}/readyz`)).status).toBe(200), 10_000);
    const { code, stdout } = await spanpass(['piped', 'list', '--json'], { ...tokens, SPANPASS_CONTROL_PLANE: url });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{"items":[]}\n' });
    expect(await stopServer()).toBe(0);
    expect(await stopControlPlane()).toBe(0);
  });

  async function start(command: string, env: NodeJS.ProcessEnv) {
    const child = spawn(process.execPath, [main, command, '--json'], {
      env: environment(env),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    started.push(child);
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.once('data', chunk => resolve(String(chunk)));
      child.once('exit', code => reject(new Error(`${command} ended with ${code}`)));
    });
    const stop = () =>
      new Promise(resolve => {
        child.once('exit', resolve);
        child.kill('SIGINT');
      });
    return { ...(JSON.parse(line) as { url: string; metricsAddress: string }), stop };
  }
});

describe('the process', () => {
  it('is quiet about a reader that has seen enough', async () => {
    const { stdout, stderr } = await run('/bin/sh', [
      '-c',
      `"$0" "$1" gateway envoy | head -n 1`,
      process.execPath,
      main,
    ]);
    expect(stdout.split('\n')).toHaveLength(2);
    expect(stderr).toBe('');
  });

  it.each([
    [['--version'], 0],
    [['token', '--key-file', '/nowhere'], 1],
    [['token'], 2],
    [['control-plane', '--config', '/nowhere'], 2],
  ])('%j ends with %i and at most one line on stderr', async (args, expected) => {
    const { code, stderr } = await spanpass(args);
    expect(code).toBe(expected);
    expect(stderr).toMatch(/^(spanpass: [^\n]+\n)?$/);
  });
});

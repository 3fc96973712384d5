import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fromBinary } from '@bufbuild/protobuf';
import { alwaysAllow, SOMEBODY } from '@spanpass/server/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeControlPlane, startFakeControlPlane } from '../admin/control-plane.test.helper.ts';
import { DEMO_PIPED } from '../demo/demo.ts';
import { FREE_PORTS } from '../free-ports.test.support.ts';
import { type ExportTraceServiceRequest, ExportTraceServiceRequestSchema } from '../generated/otlp_pb.ts';
import { run } from '../program.ts';
import { attributeText } from '../receiver/trace-store.ts';
import { findEnvoy } from '../up/find-envoy.ts';
import type { UpOverrides } from '../up/run-up.ts';

const envoy = await findEnvoy(process.env);
let dataDir: string;
let controlPlane: FakeControlPlane;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'spanpass-up-'));
  controlPlane = await startFakeControlPlane();
});
afterEach(async () => {
  await controlPlane[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true });
});

async function up(
  args: string[],
  options: {
    env?: NodeJS.ProcessEnv;
    overrides?: UpOverrides;
    stop?: AbortSignal;
    onOutput?: (text: string) => void;
  } = {},
) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  let out = '';
  let err = '';
  stdout.on('data', chunk => {
    out += chunk;
    options.onOutput?.(out);
  });
  stderr.on('data', chunk => {
    err += chunk;
  });
  const io = {
    stdin: new PassThrough(),
    stdout,
    stderr,
    env: { SPANPASS_ENVOY: 'none', ...options.env },
    stop: options.stop ?? new AbortController().signal,
  };
  const overrides = { startControlPlane: async () => controlPlane, ...options.overrides };
  const code = await run(['up', '--data-dir', dataDir, ...FREE_PORTS, ...args], io, overrides);
  return { code, out, err };
}

describe('spanpass up --demo --exit', () => {
  it('built in: all goes as it should', async () => {
    const { code, out, err } = await up(['--demo', '--exit']);
    expect(err).not.toContain('spanpass:');
    expect(out).toContain('All went as it should.');
    expect(out).toContain('the built-in receiver');
    expect(code).toBe(0);
  });

  it.runIf(envoy)('Envoy in front: all goes as it should', { timeout: 30_000 }, async () => {
    const { code, out, err } = await up(['--demo', '--exit', '--json'], { env: { SPANPASS_ENVOY: envoy } });
    expect(err).not.toContain('spanpass:');
    const report = JSON.parse(out);
    expect(report.gateway.kind).toContain('Envoy');
    expect(report.demo).toMatchObject({
      ok: true,
      identity: { 'project-id': 'demo', 'piped-id': 'demo-piped' },
      attacks: [
        { reason: 'credential_missing', seen: 'UNAUTHENTICATED (16)' },
        { reason: 'signature_invalid' },
        { reason: 'project_mismatch' },
        { reason: 'key_revoked' },
      ],
    });
    expect(code).toBe(0);
    const config = join(dataDir, 'envoy.yaml');
    expect((await stat(config)).mode & 0o077).toBe(0);
    expect(await readFile(config, 'utf8')).toContain('%ENVIRONMENT(GATEWAY_TOKEN)%');
  });

  it('fails when the auth server lets everybody in', async () => {
    const overrides: UpOverrides = { serverOf: () => alwaysAllow({ ...SOMEBODY, ...DEMO_PIPED }) };
    const { code, out, err } = await up(['--demo', '--exit'], { overrides });
    expect(code).toBe(1);
    expect(err).toMatch(/^spanpass: the gateway takes telemetry without a credential/m);
    expect(out).toBe('');
  });

  it('fails when a revocation does nothing, and says which part', { timeout: 15_000 }, async () => {
    controlPlane.ignoreRevocations = true;
    const { code, out, err } = await up(['--demo', '--exit', '--json']);
    expect(code).toBe(1);
    expect(err).toMatch(/^spanpass: the demo failed: the key revoked a moment ago: expected UNAUTHENTICATED, saw OK$/m);
    expect(JSON.parse(out).demo).toMatchObject({
      ok: false,
      attacks: [{ ok: true }, { ok: true }, { ok: true }, { ok: false }],
    });
  });
});

describe('spanpass up with a backend', () => {
  it("hands telemetry on, stamped, and gives the sender the backend's answer", async () => {
    const seen: ExportTraceServiceRequest[] = [];
    const backend = createHttpServer(async (request, response) => {
      const body = Buffer.concat(await request.toArray());
      seen.push(fromBinary(ExportTraceServiceRequestSchema, body));
      response.end();
    });
    await new Promise<void>(resolve => backend.listen(0, '127.0.0.1', resolve));
    const { port } = backend.address() as AddressInfo;
    const env = { SPANPASS_FORWARD_ENDPOINT: `http://localhost:${port}` };
    const { code, out } = await up(['--demo', '--exit'], { env });
    backend.closeAllConnections();
    await new Promise(resolve => backend.close(resolve));
    expect(out).toContain(`goes on to localhost:${port}`);
    expect(code).toBe(0);
    const spans = seen.flatMap(({ resourceSpans }) => resourceSpans);
    expect(spans.every(({ resource }) => attributeText(resource?.attributes, 'project-id') === 'demo')).toBe(true);
    const names = spans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(scope => scope.spans.map(({ name }) => name)));
    expect(names).toContain('K8S_CANARY_ROLLOUT');
    expect(names.filter(name => name.startsWith('attack: '))).toEqual([]);
  });

  it('fails the demo when the backend takes nothing', async () => {
    const env = { SPANPASS_FORWARD_ENDPOINT: 'http://127.0.0.1:1' };
    const { code, err } = await up(['--demo', '--exit'], { env });
    expect(err).toMatch(/spanpass: the gateway did not accept the deployment's trace: .*the backend does not answer/);
    expect(code).toBe(1);
  });
});

describe('spanpass up', () => {
  it('stops cleanly when asked', async () => {
    const stop = new AbortController();
    const { code, out, err } = await up([], {
      stop: stop.signal,
      onOutput: text => text.includes('Ctrl-C') && stop.abort(),
    });
    expect(code).toBe(0);
    expect(out).toMatch(/spanpass piped register --project shop --piped edge-1 --data-dir/);
    expect(err).toMatch(/stopping …\n$/);
  });

  it('ends with 1 when it is interrupted on the way', async () => {
    const { code, err } = await up(['--exit'], { stop: AbortSignal.abort() });
    expect(code).toBe(1);
    expect(err).toMatch(/spanpass: interrupted\n$/);
  });

  it.runIf(envoy)('says so and stops when Envoy dies', { timeout: 30_000 }, async () => {
    const killEnvoy = async () => {
      const { execFileSync } = await import('node:child_process');
      const pids = execFileSync('pgrep', ['-f', `^${envoy} -c ${dataDir}/`], { encoding: 'utf8' });
      for (const pid of pids.trim().split('\n')) process.kill(Number(pid), 'SIGKILL');
    };
    let killed = false;
    const { code, err } = await up([], {
      env: { SPANPASS_ENVOY: envoy },
      onOutput: text => {
        if (!text.includes('Ctrl-C') || killed) return;
        killed = true;
        void killEnvoy();
      },
    });
    expect(code).toBe(1);
    expect(err).toMatch(
      /spanpass: the gateway is gone: Envoy ended \(exit 137.*envoy\.log; all the rest is stopped\n$/,
    );
  });

  it('names the port that is taken, and how to move it', async () => {
    const squatter = createServer();
    await new Promise<void>(resolve => squatter.listen(0, '127.0.0.1', resolve));
    const { port } = squatter.address() as { port: number };
    const { code, err } = await up(['--http-port', String(port)]);
    await new Promise(resolve => squatter.close(resolve));
    expect(code).toBe(1);
    expect(err).toBe(
      `spanpass: port ${port} (gateway, OTLP/HTTP) is in use: free it, or move it with --http-port PORT\n`,
    );
  });

  it.each([
    ['http://localhost:%', 1, /is this gateway itself/],
    ['http://[::1]:%', 1, /is this gateway itself/],
    ['nonsense', 2, /^spanpass: SPANPASS_FORWARD_ENDPOINT: forward endpoint: 'nonsense' is not/],
  ])('does not forward to %s', async (endpoint, expected, message) => {
    const squatter = createServer();
    await new Promise<void>(resolve => squatter.listen(0, '127.0.0.1', resolve));
    const { port } = squatter.address() as { port: number };
    await new Promise(resolve => squatter.close(resolve));
    const env = { SPANPASS_FORWARD_ENDPOINT: endpoint.replace('%', String(port)) };
    const { code, err } = await up(['--http-port', String(port)], { env });
    expect(err).toMatch(message);
    expect(code).toBe(expected);
  });

  it('does not run what SPANPASS_ENVOY does not name', async () => {
    const { code, err } = await up([], { env: { SPANPASS_ENVOY: '/nowhere/envoy' } });
    expect(code).toBe(2);
    expect(err).toMatch(/^spanpass: SPANPASS_ENVOY: '\/nowhere\/envoy' is not an executable file/);
  });
});

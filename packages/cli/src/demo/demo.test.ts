import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlPlaneClient } from '@spanpass/control-plane/client';
import { createServer, pipedJwt, type Server } from '@spanpass/server';
import { alwaysAllow, alwaysRefuse, SOMEBODY } from '@spanpass/server/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeControlPlane, startFakeControlPlane } from '../admin/control-plane.test.helper.ts';
import { plain } from '../output/colour.ts';
import { ACCEPTED } from '../receiver/outcome.ts';
import { startReceiver } from '../receiver/receiver.ts';
import { TraceStore } from '../receiver/trace-store.ts';
import { demoAdmin } from './admin.ts';
import { DEMO_PIPED, type DemoOptions, runDemo } from './demo.ts';
import { renderReport, reportAsJson } from './report.ts';

let dataDir: string;
let controlPlane: FakeControlPlane;
const cleanup: AsyncDisposable[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'spanpass-demo-'));
  controlPlane = await startFakeControlPlane();
});
afterEach(async () => {
  for (const started of cleanup.splice(0)) await started[Symbol.asyncDispose]();
  await controlPlane[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true });
});

const honest = () => createServer({ authenticators: [pipedJwt({ keys: controlPlane.keys })] });

async function demo(server: Server, options: Partial<DemoOptions> & { keep?: boolean } = {}) {
  const traces = new TraceStore();
  const receiver = await startReceiver({
    server,
    sink: (batch, identity) => {
      if (options.keep !== false) traces.add(batch, identity);
      return ACCEPTED;
    },
    grpcPort: 0,
    httpPort: 0,
  });
  cleanup.push(receiver);
  return runDemo({
    admin: demoAdmin(new ControlPlaneClient({ url: controlPlane.url, token: controlPlane.adminToken })),
    controlPlane: controlPlane.url,
    gateway: `127.0.0.1:${receiver.grpcPort}`,
    traces,
    dataDir,
    stop: new AbortController().signal,
    progress: () => {},
    sinceStart: () => 1234,
    patienceMs: 50,
    ...options,
  });
}

describe('the demo', () => {
  it('shows the trace, who sent it, and four refusals', async () => {
    const report = await demo(honest());
    expect(report.problems).toEqual([]);
    expect(report.attacks.map(({ reason, seen }) => [seen, reason])).toEqual([
      [16, 'credential_missing'],
      [16, 'signature_invalid'],
      [16, 'project_mismatch'],
      [16, 'key_revoked'],
    ]);
    const text = renderReport(report, plain, 80);
    expect(text).toContain('accepted, 1.2 s after the start');
    expect(text).toMatch(/^Deploy +✓ {2}█+ +\d/m);
    expect(text).toMatch(/^ {2}K8S_PRIMARY_ROLLOUT +✓ {2}·+█+·* +\d/m);
    expect(text).toContain('  project-id=demo\n  piped-id=demo-piped\n');
    expect(text).toMatch(/✓ +a forged signature +UNAUTHENTICATED \(16\) +UNAUTHENTICATED \(16\) +signature_invalid\n/);
    expect(text).toMatch(/key_revoked, after \d+ ms/);
    expect(text).toMatch(/All went as it should.\n$/);
    expect(JSON.parse(JSON.stringify(reportAsJson(report)))).toMatchObject({
      ok: true,
      problems: [],
      spans: [{ name: 'Deploy', status: 'ok' }, {}, {}, {}, {}, {}, {}],
      attacks: [{ ok: true }, { ok: true }, { ok: true }, { ok: true, refusedAfterMs: expect.any(Number) }],
    });
  });

  it('leaves no active key and no key file behind, and can be run again', async () => {
    await demo(honest());
    await demo(honest());
    expect([...controlPlane.records.values()].map(({ keyStatus }) => keyStatus)).toEqual(['revoked', 'revoked']);
    expect(await readdir(dataDir)).toEqual([]);
  });

  it('goes on from a run that was killed: its keys end, and its piped is enabled', async () => {
    const admin = new ControlPlaneClient({ url: controlPlane.url, token: controlPlane.adminToken });
    await admin.registerPiped(DEMO_PIPED);
    await admin.createKey(DEMO_PIPED, { generate: true });
    await admin.disablePiped(DEMO_PIPED);
    const report = await demo(honest());
    expect(report.problems).toEqual([]);
    expect([...controlPlane.records.values()].map(({ keyStatus }) => keyStatus)).toEqual(['revoked', 'revoked']);
  });

  it('cleans up when it is interrupted', async () => {
    const stop = new AbortController();
    const server = honest();
    const interrupting: Server = {
      authenticate(request, signal) {
        stop.abort();
        return server.authenticate(request, signal);
      },
    };
    await expect(demo(interrupting, { stop: stop.signal })).rejects.toMatchObject({ name: 'AbortError' });
    expect([...controlPlane.records.values()].map(({ keyStatus }) => keyStatus)).toEqual(['revoked']);
    expect(await readdir(dataDir)).toEqual([]);
  });
});

describe('the demo fails when', () => {
  const demoPrincipal = { ...SOMEBODY, ...DEMO_PIPED };

  it('everybody is let in', async () => {
    const report = await demo(alwaysAllow(demoPrincipal));
    expect(report.problems).toHaveLength(4);
    expect(report.problems.every(problem => / expected UNAUTHENTICATED, saw OK$/.test(problem))).toBe(true);
    expect(renderReport(report, plain, undefined)).toMatch(/✗ {2}no credential/);
    expect(reportAsJson(report).ok).toBe(false);
  });

  it('spans are stamped with somebody else', async () => {
    const report = await demo(alwaysAllow({ ...demoPrincipal, piped: 'another' }));
    expect(report.problems).toContainEqual(expect.stringContaining('"piped-id":"another"'));
  });

  it('what is refused arrives all the same', async () => {
    const server = honest();
    const report = await demo({
      authenticate: async (request, signal) => {
        try {
          await server.authenticate(request, signal);
        } catch {}
        return demoPrincipal;
      },
    });
    expect(report.problems.length).toBeGreaterThan(0);
  });

  it('the trace does not arrive behind the gateway', async () => {
    const report = await demo(honest(), { keep: false });
    expect(report.problems).toEqual([expect.stringMatching(/^the trace [0-9a-f]{32} did not arrive/)]);
  });

  it('a revocation has no effect', async () => {
    controlPlane.ignoreRevocations = true;
    const report = await demo(honest());
    expect(report.problems).toEqual(['the key revoked a moment ago: expected UNAUTHENTICATED, saw OK']);
  });

  it('a revocation takes too long', async () => {
    controlPlane.revocationDelayMs = 60;
    const report = await demo(honest(), { revocationBoundMs: 20, patienceMs: 5_000 });
    expect(report.problems).toEqual([
      expect.stringMatching(/^the key revoked a moment ago: refused only after \d+ ms$/),
    ]);
  });

  it('nobody is let in', async () => {
    await expect(demo(alwaysRefuse('key_source_unavailable'))).rejects.toThrow(
      /^the gateway did not accept the deployment's trace: /,
    );
    expect([...controlPlane.records.values()].map(({ keyStatus }) => keyStatus)).toEqual(['revoked']);
  });
});

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../../engines/describe.ts';
import { testRoot } from '../../engines/root.ts';
import { createAdmin, type EnrolledPiped } from '../../harness/admin.ts';
import { startCollector } from '../../harness/collector.ts';
import { type RunningEnvoy, startEnvoy } from '../../harness/envoy.ts';
import { keepMeasurements, percentile } from '../../harness/measurements.ts';
import { residentBytes } from '../../harness/memory.ts';
import { passFor } from '../../harness/passes.ts';
import { freePorts } from '../../harness/ports.ts';
import type { RunningProcess } from '../../harness/process.ts';
import { times } from '../../harness/profile.ts';
import { startAuthServer, startControlPlane } from '../../harness/servers.ts';
import { type Sink, startSink } from '../../harness/sink.ts';
import { Stage } from '../../harness/stage.ts';
import { tempDir } from '../../harness/temp.ts';
import { waitFor } from '../../harness/wait.ts';
import { countLookups } from './counting-proxy.ts';
import type { FloodOrder, FloodOutcome } from './flooder.ts';
import { type Exported, keepExporting } from './good-piped.ts';

const count = times({ nightly: 100_000, otherwise: 20_000 });
const flooder = join(testRoot, 'dist', 'attacks', 'flood', 'flooder.js');
const [adminToken, authServerToken, gatewayToken] = ['admin', 'auth-server', 'gateway'].map(
  name => `${name}-token-of-the-flood-0123456789abcdef`,
) as [string, string, string];

/** Of an address that asks for keys that do not exist, the auth server lets so many through: saved up, and each second. */
const BURST = 200;
const PER_SECOND = 20;

await describeWithEngine(['envoy', 'otelcol'], 'a flood', ({ envoy, otelcol }) => {
  const stage = new Stage();
  let sink: Sink;
  let authServer: RunningProcess;
  let gateway: RunningEnvoy;
  let piped: EnrolledPiped;
  let lookups: ReadonlyMap<string, number>;
  let metricsUrl: string;
  const measured: Record<string, unknown> = { count };
  const exported: Exported[] = [];

  beforeAll(async () => {
    const folder = await tempDir(stage, 'flood');
    const ports = await freePorts('controlPlane', 'auth', 'metrics');
    metricsUrl = `http://127.0.0.1:${ports.metrics}`;
    sink = await startSink(stage);
    const exportTo = [{ protocol: 'http', endpoint: sink.url, encoding: 'json' } as const];
    const collector = await startCollector(stage, otelcol, { exportTo }, gatewayToken);
    await startControlPlane(stage, { folder, port: ports.controlPlane, adminToken, authServerToken });
    const counted = await countLookups(stage, ports.controlPlane);
    lookups = counted.lookups;
    authServer = await startAuthServer(stage, {
      grpcPort: ports.auth,
      metricsPort: ports.metrics,
      controlPlaneUrl: counted.url,
      token: authServerToken,
    });
    const auth = { mode: 'grpc', endpoints: [`127.0.0.1:${ports.auth}`] } as const;
    const upstream = { grpc: [collector.grpcEndpoint], http: [collector.httpEndpoint] };
    gateway = await startEnvoy(stage, envoy, { auth, upstream, accessLog: false }, gatewayToken);
    piped = await createAdmin(`http://127.0.0.1:${ports.controlPlane}`, adminToken, folder).enroll('shop', 'edge-1');
  });
  afterAll(() => stage.dispose());

  /** The piped exports while something else happens; its latencies go to the report. */
  async function whileExporting(name: string, meanwhile: () => Promise<unknown>): Promise<readonly Exported[]> {
    const stop = new AbortController();
    const exporting = keepExporting(gateway.grpcPort, piped.keyFile, name, stop.signal);
    await meanwhile().finally(() => stop.abort());
    const all = await exporting;
    exported.push(...all);
    const latencies = all.map(({ ms }) => ms);
    const [p50, p99] = [percentile(latencies, 0.5), percentile(latencies, 0.99)].map(ms => Math.round(ms * 10) / 10);
    measured[name] = { exports: all.length, p50Ms: p50, p99Ms: p99 };
    expect(all.filter(({ code }) => code !== status.OK)).toEqual([]);
    return all;
  }

  async function flood(forge: FloodOrder['forge']): Promise<FloodOutcome> {
    const [header = {}, claims = {}] = (await passFor(piped.keyFile))
      .split('.')
      .slice(0, 2)
      .map(part => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>);
    const order: FloodOrder = { port: gateway.grpcPort, count, atATime: 64, header, claims, forge };
    const { stdout } = await promisify(execFile)(process.execPath, [flooder, JSON.stringify(order)]);
    return JSON.parse(stdout) as FloodOutcome;
  }

  async function failedLookups(): Promise<number> {
    const metrics = await (await fetch(`${metricsUrl}/metrics`)).text();
    return Number(/^spanpass_key_lookups_total\{result="failed"\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
  }

  const made = (outcome: FloodOutcome) => Object.values(outcome).reduce((sum, each) => sum + each, 0);

  it('is yet to come: how long an export takes in peace', { timeout: 60_000 }, async () => {
    await whileExporting('quiet', () => sleep(4000));
    measured.quietMiB = Math.round((await residentBytes(authServer.pid)) / 2 ** 20);
  });

  it(`of ${count} kids that nobody has reaches the control plane at a bounded rate`, { timeout: 900_000 }, async () => {
    const known = new Set(lookups.keys());
    const startedAt = performance.now();
    let outcome: FloodOutcome = {};
    await whileExporting('kids', async () => (outcome = await flood('kids')));
    const seconds = (performance.now() - startedAt) / 1000;
    const asked = [...lookups].filter(([kid]) => !known.has(kid));
    const lookedUp = asked.reduce((sum, [, times]) => sum + times, 0);
    measured.kidsFlood = {
      seconds: Math.round(seconds),
      outcome,
      asked: asked.length,
      lookedUp,
      failed: await failedLookups(),
    };
    // Refused as unknown, or told to come back later; let in, never.
    expect(Object.keys(outcome).filter(code => !['16', '14'].includes(code))).toEqual([]);
    expect(made(outcome)).toBe(count);
    // One whose answer came too late is made again, twice at most.
    expect(asked.length).toBeLessThanOrEqual(BURST + PER_SECOND * seconds + 1);
    expect(lookedUp).toBeLessThanOrEqual(3 * asked.length);
  });

  it(`of ${count} forged signatures on its own kid neither throttles the piped`, { timeout: 900_000 }, async () => {
    const before = lookups.size;
    let outcome: FloodOutcome = {};
    await whileExporting('signatures', async () => (outcome = await flood('signatures')));
    measured.signaturesFlood = { outcome };
    expect(Object.keys(outcome).filter(code => !['16', '14'].includes(code))).toEqual([]);
    expect(made(outcome)).toBe(count);
    expect(lookups.size).toBe(before);
  });

  it('drives nothing of the piped out: its key was looked up once', () => {
    expect(lookups.get(piped.keyFile.kid)).toBe(1);
  });

  it('leaves every span of the piped at the backend', async () => {
    const arrived = () => new Set(sink.spans().map(({ name }) => name));
    await waitFor('all spans', () => exported.every(({ name }) => arrived().has(name)), 60_000);
  });

  it('costs bounded memory, and bounded time of the piped', async () => {
    measured.floodedMiB = Math.round((await residentBytes(authServer.pid)) / 2 ** 20);
    await keepMeasurements('flood', measured);
    expect(measured.floodedMiB).toBeLessThan(512);
    const underFlood = exported.filter(({ name }) => !name.startsWith('quiet')).map(({ ms }) => ms);
    // Within the ten seconds after which an exporter gives up, on a machine that the flood itself keeps busy.
    expect(percentile(underFlood, 0.5)).toBeLessThan(2000);
    expect(percentile(underFlood, 0.99)).toBeLessThan(10_000);
  });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { testRoot } from '../engines/root.ts';
import type { EnrolledPiped } from '../harness/admin.ts';
import { freePorts } from '../harness/ports.ts';
import { randomOf } from '../harness/random.ts';
import { startForward } from '../harness/servers.ts';
import { canMount, mountSmallDisk } from '../harness/small-disk.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { faultsOf, pairsOf, shuffled } from './faults.ts';
import { profileOf } from './profile.ts';
import { countsOf, faultCounts, flawsOf, type Report, sumByReason, type Window } from './report.ts';
import { RunningPiped } from './running-piped.ts';
import { part, type Stack, startStack } from './stack.ts';

const profile = profileOf(process.env);
const ARRIVAL_MS = 40_000;

const DISK_MIB = 32;
/** A spool that an outage of a few seconds fills. */
const BOUNDED = { rate: 5, spoolMaxBytes: 64 * 1024 };

interface Plan {
  readonly name: string;
  readonly exporter: RunningPiped['exporter'];
  readonly key: { readonly project: string; readonly piped: string };
  readonly rate: number;
  readonly spoolMaxBytes?: number;
}

await describeWithEngine(['envoy', 'otelcol', 'postgres'], `chaos, ${profile.name}, seed ${profile.seed}`, engines => {
  const stage = new Stage();
  afterAll(() => stage.dispose());

  it('every span whose append succeeded arrives, under its own identity', { timeout: 600_000 }, async () => {
    const stack = await startStack(stage, engines);
    const pipeds = await startPipeds(stack);
    const by = (name: RunningPiped['exporter']) => pipeds.filter(({ exporter }) => exporter === name);
    const durable = by('durable');
    const startedAtMs = Date.now();
    const windows = await wreakHavoc(stack, pipeds);

    await Promise.all(pipeds.map(piped => piped.stop()));
    const leftInSpools = await Promise.all([...durable, ...by('sidecar')].map(piped => piped.drain(ARRIVAL_MS)));
    const madeBy = (some: readonly RunningPiped[]) => some.flatMap(piped => piped.made());
    const made = { durable: madeBy(durable), sidecar: madeBy(by('sidecar')), stock: madeBy(by('stock')) };
    const isComplete = () => countsOf(made, stack.sink.spans()).lost === 0;
    await waitFor('all stored spans at the sink', isComplete, ARRIVAL_MS).catch(() => {});
    await sleep(1_000);

    const arrived = stack.sink.spans();
    const total = countsOf(made, arrived);
    const countedDrops = sumByReason(durable.flatMap(piped => piped.countedDrops()));
    const report: Report = {
      profile: profile.name,
      seed: profile.seed,
      seconds: Math.round((Date.now() - startedAtMs) / 1000),
      deploymentsPerSecond: profile.deploymentsPerSecond,
      fullDisk: (await canMount()) ? 'disk' : 'limit',
      total,
      leftInSpools: leftInSpools.reduce((sum, items) => sum + items, 0),
      countedDrops,
      ...flawsOf(made.durable, arrived),
      faults: faultCounts(made, arrived, windows),
    };
    await writeFile(join(testRoot, 'chaos', 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`);

    expect(report).toMatchObject({
      total: { lost: 0, misattributed: 0, stock: { misattributed: 0 } },
      leftInSpools: 0,
      unequalDoubles: 0,
      orphans: 0,
    });
    const { durable: counts, sidecar } = total;
    // Whom the sidecar refuses keeps the span, and it is the sidecar's count alone.
    expect(sidecar.refused).toBe(0);
    expect(Object.values(countedDrops).reduce((sum, items) => sum + items, 0)).toBe(counts.refused);
    expect(counts.arrived).toBe(counts.made - counts.refused);
    expect(countedDrops).toMatchObject({ disk_full: expect.any(Number) });
    expect(counts.made).toBeGreaterThan(profile.deploymentsPerSecond * 30);
    // The faults were real: whoever does not keep spans lost some.
    expect(total.stock.lost).toBeGreaterThan(0);
  });

  async function startPipeds(stack: Stack): Promise<RunningPiped[]> {
    const { admin, gatewayUrl } = stack;
    const shop = { project: 'shop', piped: 'edge-1' };
    const rate = profile.deploymentsPerSecond / 2;
    const plans: readonly Plan[] = [
      { name: 'durable-1', exporter: 'durable', key: shop, rate },
      // It says that it is the first one.
      { name: 'durable-2', exporter: 'durable', key: { project: 'bank', piped: 'edge-2' }, rate },
      { name: 'bounded-1', exporter: 'durable', key: { project: 'bank', piped: 'edge-5' }, ...BOUNDED },
      { name: 'sidecar-1', exporter: 'sidecar', key: { project: 'bank', piped: 'edge-4' }, rate },
      { name: 'stock-1', exporter: 'stock', key: { project: 'shop', piped: 'edge-3' }, rate },
    ];
    const mayMount = await canMount();
    const pipeds: RunningPiped[] = [];
    for (const [index, { name, exporter, key, rate: deploymentsPerSecond, ...more }] of plans.entries()) {
      const enrolled = await admin.enroll(key.project, key.piped);
      const disk = mayMount && exporter !== 'stock' ? await mountSmallDisk(stage, DISK_MIB) : undefined;
      const folder = disk?.folder ?? (await tempDir(stage, name));
      const sidecar = exporter === 'sidecar' ? await startSidecar(stack, enrolled, folder) : undefined;
      const options = {
        name,
        exporter,
        folder,
        sendTo: sidecar?.url ?? gatewayUrl,
        deploymentsPerSecond,
        seed: profile.seed * 1_000 + index * 100,
        claims: shop,
        ...more,
      };
      const piped = new RunningPiped(stage, enrolled, options, { gatewayUrl, sidecar: sidecar?.part, disk });
      await piped.start();
      pipeds.push(piped);
    }
    return pipeds;
  }

  async function startSidecar({ gatewayUrl }: Stack, { keyFilePath }: EnrolledPiped, folder: string) {
    const ports = await freePorts('grpc', 'http');
    const settings = { keyFile: keyFilePath, endpoint: gatewayUrl, spoolDir: join(folder, 'spool') };
    const start = () => startForward(stage, { ...settings, grpcPort: ports.grpc, httpPort: ports.http });
    return { url: `http://127.0.0.1:${ports.grpc}`, part: part(await start(), start) };
  }

  async function wreakHavoc(stack: Stack, pipeds: readonly RunningPiped[]): Promise<Window[]> {
    const random = randomOf(profile.seed);
    const faults = shuffled(faultsOf(stack, pipeds, profile), random);
    const windows: Window[] = [{ fault: 'none', fromMs: 0 }];
    await sleep(profile.quietMs * 2);
    for (const { name, run } of [...faults, ...pairsOf(faults, profile.pairs, random)]) {
      windows.push({ fault: name, fromMs: Date.now() });
      await run();
      await sleep(profile.quietMs);
    }
    return windows;
  }
});

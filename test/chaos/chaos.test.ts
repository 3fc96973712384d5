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
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { countSpans, type MadeSpan, orphans, unequalDoubles } from './count.ts';
import { faultsOf, pairsOf, shuffled } from './faults.ts';
import { profileOf } from './profile.ts';
import { RunningPiped } from './running-piped.ts';
import { part, type Stack, startStack } from './stack.ts';

const profile = profileOf(process.env);
const ARRIVAL_MS = 40_000;

interface Window {
  readonly fault: string;
  readonly fromMs: number;
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
    const countAll = (of: (spans: readonly MadeSpan[]) => readonly MadeSpan[]) => ({
      durable: countSpans(of(made.durable), arrived()),
      sidecar: countSpans(of(made.sidecar), arrived()),
      stock: countSpans(of(made.stock), arrived()),
    });
    const arrived = () => stack.sink.spans();
    const isComplete = () => countSpans([...made.durable, ...made.sidecar], arrived()).lost === 0;
    await waitFor('all stored spans at the sink', isComplete, ARRIVAL_MS).catch(() => {});
    await sleep(1_000);

    const ofDurable = new Set(made.durable.map(({ traceId }) => traceId));
    const arrivedDurable = arrived().filter(({ traceId }) => ofDurable.has(traceId));
    const total = countAll(spans => spans);
    const report = {
      profile: profile.name,
      seed: profile.seed,
      seconds: Math.round((Date.now() - startedAtMs) / 1000),
      total,
      leftInSpools: leftInSpools.reduce((sum, items) => sum + items, 0),
      countedDrops: durable.reduce((sum, piped) => sum + piped.countedDrops(), 0),
      unequalDoubles: unequalDoubles(arrivedDurable).length,
      orphans: orphans(made.durable, arrivedDurable).length,
      faults: windows.map((window, index) => perFault(window, windows[index + 1])),
    };
    await writeFile(join(testRoot, 'chaos', 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`);

    const { durable: counts } = total;
    expect(report).toMatchObject({
      total: {
        durable: { lost: 0, misattributed: 0 },
        sidecar: { lost: 0, misattributed: 0 },
        stock: { misattributed: 0 },
      },
      leftInSpools: 0,
      countedDrops: counts.refused,
      unequalDoubles: 0,
      orphans: 0,
    });
    expect(counts.arrived).toBe(counts.made - counts.refused);
    expect(counts.refused).toBeGreaterThan(0);
    expect(counts.made).toBeGreaterThan(profile.deploymentsPerSecond * 30);
    // The faults were real: whoever does not keep spans lost some.
    expect(total.stock.lost).toBeGreaterThan(0);

    function perFault({ fault, fromMs }: Window, next: Window | undefined) {
      const toMs = next?.fromMs ?? Number.POSITIVE_INFINITY;
      return {
        fault,
        ...countAll(spans => spans.filter(({ endedAtMs }) => endedAtMs >= fromMs && endedAtMs < toMs)),
      };
    }
  });

  async function startPipeds(stack: Stack): Promise<RunningPiped[]> {
    const { admin, gatewayUrl } = stack;
    const shop = { project: 'shop', piped: 'edge-1' };
    const perPiped = profile.deploymentsPerSecond / 2;
    const plans = [
      { name: 'durable-1', exporter: 'durable', key: shop },
      // It says that it is the first one.
      { name: 'durable-2', exporter: 'durable', key: { project: 'bank', piped: 'edge-2' } },
      { name: 'sidecar-1', exporter: 'sidecar', key: { project: 'bank', piped: 'edge-4' } },
      { name: 'stock-1', exporter: 'stock', key: { project: 'shop', piped: 'edge-3' } },
    ] as const;
    const pipeds: RunningPiped[] = [];
    for (const [index, { name, exporter, key }] of plans.entries()) {
      const enrolled = await admin.enroll(key.project, key.piped);
      const folder = await tempDir(stage, name);
      const sidecar = exporter === 'sidecar' ? await startSidecar(stack, enrolled, folder) : undefined;
      const options = {
        name,
        exporter,
        folder,
        sendTo: sidecar?.url ?? gatewayUrl,
        deploymentsPerSecond: perPiped,
        seed: profile.seed * 1_000 + index * 100,
        claims: shop,
      };
      const piped = new RunningPiped(stage, enrolled, options, { gatewayUrl, sidecar: sidecar?.part });
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

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { testRoot } from '../engines/root.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { waitFor } from '../harness/wait.ts';
import { type Counts, countSpans, type MadeSpan, orphans, unequalDoubles } from './count.ts';
import { faultsOf, pairsOf, shuffled } from './faults.ts';
import { profileOf } from './profile.ts';
import { randomOf } from './random.ts';
import { RunningPiped } from './running-piped.ts';
import { type Stack, startStack } from './stack.ts';

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
    const durable = pipeds.filter(({ isDurable }) => isDurable);
    const startedAtMs = Date.now();
    const windows = await wreakHavoc(stack, pipeds);

    await Promise.all(pipeds.map(piped => piped.stop()));
    const leftInSpools = await Promise.all(durable.map(piped => piped.drain(ARRIVAL_MS)));
    const madeBy = (some: readonly RunningPiped[]) => some.flatMap(piped => piped.made());
    const made = { durable: madeBy(durable), stock: madeBy(pipeds.filter(({ isDurable }) => !isDurable)) };
    const arrived = () => stack.sink.spans();
    const isComplete = () => countSpans(made.durable, arrived()).lost === 0;
    await waitFor('all stored spans at the sink', isComplete, ARRIVAL_MS).catch(() => {});
    await sleep(1_000);

    const ofDurable = new Set(made.durable.map(({ traceId }) => traceId));
    const arrivedDurable = arrived().filter(({ traceId }) => ofDurable.has(traceId));
    const total = { durable: countSpans(made.durable, arrived()), stock: countSpans(made.stock, arrived()) };
    const report = {
      profile: profile.name,
      seed: profile.seed,
      seconds: Math.round((Date.now() - startedAtMs) / 1000),
      total,
      leftInSpools: leftInSpools.reduce((sum, items) => sum + items, 0),
      countedDrops: durable.reduce((sum, piped) => sum + piped.countedDrops(), 0),
      unequalDoubles: unequalDoubles(arrivedDurable).length,
      orphans: orphans(made.durable, arrivedDurable).length,
      faults: windows.map((window, index) => perFault(window, windows[index + 1], made)),
    };
    await writeFile(join(testRoot, 'chaos', 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`);

    const { durable: counts } = total;
    expect(report).toMatchObject({
      total: { durable: { lost: 0, misattributed: 0 }, stock: { misattributed: 0 } },
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

    function perFault({ fault, fromMs }: Window, next: Window | undefined, all: typeof made) {
      const within = ({ endedAtMs }: MadeSpan) => endedAtMs >= fromMs && endedAtMs < (next?.fromMs ?? Infinity);
      const count = (some: readonly MadeSpan[]): Counts => countSpans(some.filter(within), arrived());
      return { fault, durable: count(all.durable), stock: count(all.stock) };
    }
  });

  async function startPipeds(stack: Stack): Promise<RunningPiped[]> {
    const { admin, gatewayUrl } = stack;
    const shop = { project: 'shop', piped: 'edge-1' };
    const perPiped = profile.deploymentsPerSecond / 2;
    const plans = [
      { name: 'durable-1', exporter: 'durable', key: shop, deploymentsPerSecond: perPiped },
      // It says that it is the first one.
      {
        name: 'durable-2',
        exporter: 'durable',
        key: { project: 'bank', piped: 'edge-2' },
        deploymentsPerSecond: perPiped,
      },
      { name: 'stock-1', exporter: 'stock', key: { project: 'shop', piped: 'edge-3' }, deploymentsPerSecond: perPiped },
    ] as const;
    const pipeds: RunningPiped[] = [];
    for (const [index, { name, exporter, key, deploymentsPerSecond }] of plans.entries()) {
      const enrolled = await admin.enroll(key.project, key.piped);
      const folder = await tempDir(stage, name);
      const seed = profile.seed * 1_000 + index * 100;
      const options = { name, exporter, folder, gatewayUrl, deploymentsPerSecond, seed, claims: shop };
      const piped = new RunningPiped(stage, enrolled, options);
      await piped.start();
      pipeds.push(piped);
    }
    return pipeds;
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

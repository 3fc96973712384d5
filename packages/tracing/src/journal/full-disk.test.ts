import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { DeploymentTracing } from '../api.ts';
import { scratchFolder } from '../durable/testing/scratch.ts';
import { deploymentInfo } from '../harness.test.helper.ts';
import { FakeDisk } from './testing/fake-disk.ts';
import { exported, flawsOf, JournalBench } from './testing/journal-bench.ts';

const STAGE = { id: 's-1', name: 'K8S_SYNC' };
const TOLD =
  "@spanpass/tracing spans that are open if this process is killed may be lost: their journal can't be written: ENOSPC";
const forever = () => new Promise<never>(() => {});

let bench: JournalBench;
let lines: string[];
beforeEach(() => {
  vi.useFakeTimers();
  bench = new JournalBench();
  lines = [];
  const say = (...parts: unknown[]) => lines.push(parts.join(' '));
  diag.setLogger({ error: say, warn: say, info: say, debug: () => {}, verbose: () => {} }, DiagLogLevel.INFO);
  lines.length = 0;
});
afterEach(async () => {
  vi.useRealTimers();
  diag.disable();
  await bench[Symbol.asyncDispose]();
});

describe('a disk that gets full in mid-deployment', () => {
  test('deployments go on, and it is said once', async () => {
    const { tracing, exporter } = bench.open();
    using disk = new FakeDisk();
    disk.isFull = true;
    for (let n = 0; n < 20; n++) {
      await tracing.start(deploymentInfo({ id: `d-${n}` })).run(async d => {
        await d.plan(plan => plan.event('chosen'));
        await d.stage(STAGE, stage => stage.step('apply', () => {}));
      });
      vi.advanceTimersByTime(1_000);
    }
    expect(exporter.spans).toHaveLength(80);
    expect(lines).toEqual([TOLD]);
  });

  test('what ended meanwhile is not closed again after a kill; what was open before is', async () => {
    const { tracing, exporter } = bench.open();
    const deployment = tracing.start(deploymentInfo());
    void deployment.stage({ id: 's-2', name: 'OPEN' }, forever);
    let release = () => {};
    const stage = deployment.stage(
      STAGE,
      () =>
        new Promise<void>(resolve => {
          release = resolve;
        }),
    );
    using disk = new FakeDisk();
    disk.isFull = true;
    release();
    await stage;
    deployment.event('goes on');
    disk.isFull = false;
    const next = bench.restart();
    expect(exporter.spans.map(span => span.name)).toEqual([STAGE.name]);
    expect(next.exporter.spans.map(span => span.name)).toEqual(['OPEN']);
    next.tracing.recover(found => found.end('failure'));
    expect(flawsOf([...exporter.spans, ...next.exporter.spans].map(exported))).toEqual([]);
  });

  test('once there is room, all that is open is written, and that is said', () => {
    const { tracing } = bench.open();
    const disk = new FakeDisk();
    disk.isFull = true;
    const deployment = tracing.start(deploymentInfo());
    void deployment.stage(STAGE, forever);
    expect(bench.contents()).toMatchObject([{ spans: [] }]);
    disk[Symbol.dispose]();
    vi.advanceTimersByTime(1_000);
    expect(bench.contents()[0]?.spans.map(span => span.name)).toEqual(['Deploy', STAGE.name]);
    expect(lines).toEqual([TOLD, '@spanpass/tracing the journal of open spans can be written again']);
  });

  test('a suspended deployment stays with its process, and waits for the next one', async () => {
    const { tracing } = bench.open();
    const deployment = tracing.start(deploymentInfo());
    {
      using disk = new FakeDisk();
      disk.isFull = true;
      deployment.suspend('for a while');
    }
    const next = bench.restart();
    expect(next.tracing.recover().map(found => found.id)).toEqual(['d-1']);
  });

  test('what a dead process left is not forgotten before it is kept here', async () => {
    bench.open().tracing.start(deploymentInfo());
    bench.kill();
    {
      using disk = new FakeDisk();
      disk.isFull = true;
      expect(bench.open().tracing.recover()).toHaveLength(1);
      bench.kill();
    }
    const { tracing } = bench.open();
    // Its owner could not write down who it is, so that it is dead has to be concluded from its silence.
    vi.advanceTimersByTime(40_000);
    expect(tracing.recover()).toHaveLength(1);
  });
});

const canMount = (() => {
  using probe = scratchFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', probe.path], { stdio: 'ignore' });
    execFileSync('umount', [probe.path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

describe.runIf(canMount)('a real disk without room', () => {
  let scratch: ReturnType<typeof scratchFolder>;
  let disk: string;
  let tracing: DeploymentTracing | undefined;
  beforeEach(() => {
    scratch = scratchFolder();
    disk = join(scratch.path, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', disk]);
  });
  afterEach(async () => {
    await tracing?.shutdown();
    execFileSync('umount', [disk]);
    scratch[Symbol.dispose]();
  });

  test.each(['before the start', 'after the start'])('%s', async when => {
    const folder = join(disk, 'journals');
    const ballast = join(disk, 'ballast');
    const fill = () => expect(() => writeFileSync(ballast, Buffer.alloc(1024 * 1024))).toThrow('ENOSPC');
    mkdirSync(join(folder, 'owners'), { recursive: true });
    if (when === 'before the start') fill();
    const piped = bench.open({ journal: { folder } });
    tracing = piped.tracing;
    if (when === 'after the start') fill();
    const infos = Array.from({ length: 100 }, (_, n) => deploymentInfo({ id: `d-${n}` }));
    const deployments = infos.map(info => piped.tracing.start(info));
    for (const deployment of deployments) await deployment.stage(STAGE, () => {});
    expect(lines).toEqual([TOLD]);
    rmSync(ballast);
    vi.advanceTimersByTime(1_000);
    for (const deployment of deployments) deployment.end();
    expect(piped.exporter.spans).toHaveLength(200);
    expect(lines).toHaveLength(2);
  });
});

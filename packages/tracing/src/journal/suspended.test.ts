import { describe, expect, test, vi } from 'vitest';
import { InterruptedError } from '../endings.ts';
import { deploymentInfo } from '../harness.test.helper.ts';
import { bench } from './testing/each-bench.ts';
import { inTheMiddle, MINUTE, STAGE, times } from './testing/interrupted-piped.ts';
import { exported, flawsOf } from './testing/journal-bench.ts';

describe('suspended', () => {
  test('here and resumed here: with all that was known', async () => {
    const { tracing, exporter } = bench.open();
    const deployment = tracing.start(deploymentInfo({ attributes: { 'git.commit': 'abc' } }));
    await deployment.stage(STAGE, () => Promise.reject(new Error('no'))).catch(() => {});
    bench.clock.nowMs += MINUTE;
    deployment.suspend('waits for approval');
    bench.clock.nowMs += MINUTE;
    tracing.resume(deploymentInfo()).end();
    const deploy = exporter.named('Deploy');
    expect(times(deploy)).toEqual([0, 2 * MINUTE]);
    expect(deploy.attributes).toMatchObject({ 'git.commit': 'abc' });
    expect(deploy.status.message).toBe('stage K8S_SYNC failed: no');
    expect(deploy.events).toMatchObject([
      { name: 'deployment.interrupted', attributes: { 'spanpass.reason': 'waits for approval' } },
      { name: 'deployment.resumed' },
    ]);
    expect(bench.contents()).toMatchObject([{ spans: [] }]);
  });

  test('it waits as long as its process lives, however long that is', async () => {
    vi.useFakeTimers();
    const { tracing, exporter } = bench.open();
    tracing.start(deploymentInfo()).suspend();
    vi.advanceTimersByTime(3_600_000);
    expect(tracing.recover()).toEqual([]);
    tracing.resume(deploymentInfo()).end();
    expect(exporter.spans).toHaveLength(1);
  });

  test('another process resumes it, while the first one lives', async () => {
    const [first, second] = [bench.open(), bench.open()];
    first.tracing.start(deploymentInfo()).suspend();
    second.tracing.resume(deploymentInfo()).end();
    expect(second.exporter.named('Deploy').events).toHaveLength(2);
    await first.tracing.shutdown();
    expect(bench.restart().tracing.recover()).toEqual([]);
  });

  test('by a shutdown: the next process is told, and why', async () => {
    const first = await inTheMiddle(bench);
    await first.tracing.shutdown();
    bench.clock.nowMs += MINUTE;
    const { tracing, exporter } = bench.open();
    const [found] = tracing.recover();
    expect(found).toMatchObject({ id: 'd-1', reason: 'the piped shut down', openStages: [] });
    found?.end('failure', 'gave up');
    expect(times(exporter.named('Deploy'))).toEqual([0, MINUTE]);
    expect(flawsOf([...first.exporter.spans, ...exporter.spans].map(exported))).toEqual([]);
  });

  test('by an error of its own, too', async () => {
    const first = bench.open();
    const run = first.tracing.start(deploymentInfo()).run(() => Promise.reject(new InterruptedError('upgrade')));
    await expect(run).rejects.toThrow('upgrade');
    await first.tracing.shutdown();
    expect(bench.open().tracing.recover()).toMatchObject([{ reason: 'upgrade' }]);
  });

  test('what waits at a shutdown waits on in the next process', async () => {
    await inTheMiddle(bench);
    await bench.restart().tracing.shutdown();
    expect(bench.open().tracing.recover()).toMatchObject([{ reason: 'process ended' }]);
  });
});

import { SpanStatusCode } from '@opentelemetry/api';
import { describe, expect, test, vi } from 'vitest';
import { deploymentInfo } from '../harness.test.helper.ts';
import { rootSpanIdOf } from '../ids.ts';
import { bench } from './testing/each-bench.ts';
import { eventsOf, forever, inTheMiddle, listen, MINUTE, STAGE, times } from './testing/interrupted-piped.ts';
import type { JournalBench } from './testing/journal-bench.ts';

describe('a deployment ends as its stages ended, over restarts', () => {
  const killedAfter = async (fn: (d: ReturnType<ReturnType<JournalBench['open']>['tracing']['start']>) => unknown) => {
    const deployment = bench.open().tracing.start(deploymentInfo());
    await fn(deployment);
    const { tracing, exporter } = bench.restart();
    return { deployment: tracing.resume(deploymentInfo()), exporter };
  };

  test('a stage that failed before is not forgotten', async () => {
    const { deployment, exporter } = await killedAfter(d =>
      d.stage(STAGE, () => Promise.reject(new RangeError('no such pod'))).catch(() => {}),
    );
    deployment.end();
    expect(exporter.named('Deploy').status.message).toBe('stage K8S_SYNC failed: no such pod');
    expect(exporter.attributesOf('Deploy')).toMatchObject({ 'error.type': 'RangeError' });
  });

  test('nor after a second kill; one that then succeeds is forgiven', async () => {
    const { deployment } = await killedAfter(async d => {
      await d.stage(STAGE, () => Promise.reject(new Error('1'))).catch(() => {});
      await d.stage({ id: 's-2', name: 'WAIT' }, () => Promise.reject(new Error('2'))).catch(() => {});
    });
    await deployment.stage(STAGE, () => {});
    const { tracing, exporter } = bench.restart();
    tracing.resume(deploymentInfo()).end();
    expect(exporter.named('Deploy').status.message).toBe('stage WAIT failed: 2');
  });

  test.each([
    ['a stage', STAGE.name, 'stage K8S_SYNC was interrupted: process ended'],
    ['the plan', 'Plan', 'Plan was interrupted: process ended'],
  ])('%s that was interrupted counts, unless it runs again', async (_, name, message) => {
    const run = (d: Parameters<Parameters<typeof killedAfter>[0]>[0], fn: () => Promise<void>) =>
      name === 'Plan' ? d.plan(fn) : d.stage(STAGE, fn);
    const first = await killedAfter(d => void run(d, forever));
    first.deployment.end();
    expect(first.exporter.named('Deploy').status.message).toBe(message);
    bench.kill();
    const second = await killedAfter(d => void run(d, forever));
    await run(second.deployment, async () => {});
    second.deployment.end();
    expect(second.exporter.named('Deploy').status.code).toBe(SpanStatusCode.OK);
  });
});

describe('nobody comes for it', () => {
  test('after the grace, Deploy is closed as interrupted, when its process was last alive', async () => {
    vi.useFakeTimers();
    await inTheMiddle(bench);
    bench.clock.nowMs += MINUTE;
    const { tracing, exporter } = bench.restart({ graceMs: 10_000 });
    const lines = listen();
    vi.advanceTimersByTime(9_000);
    expect(tracing.recover()).toHaveLength(1);
    vi.advanceTimersByTime(1_000);
    expect(tracing.recover()).toEqual([]);
    const deploy = exporter.named('Deploy');
    expect(times(deploy)).toEqual([0, MINUTE]);
    expect(deploy.status).toEqual({ code: SpanStatusCode.UNSET });
    expect(deploy.attributes).not.toHaveProperty('cicd.pipeline.result');
    expect(eventsOf(deploy).at(-1)).toEqual(['deployment.interrupted', MINUTE]);
    expect(lines).toEqual([
      '@spanpass/tracing deployment d-1 was left open, and nobody resumed it: it is closed as interrupted',
    ]);
  });

  test('by default, after five minutes', async () => {
    vi.useFakeTimers();
    await inTheMiddle(bench);
    const { exporter } = bench.restart();
    vi.advanceTimersByTime(299_000);
    expect(exporter.spans.map(span => span.name)).not.toContain('Deploy');
    vi.advanceTimersByTime(1_000);
    expect(exporter.spans.map(span => span.name)).toContain('Deploy');
  });

  test('and somebody comes later still: what he does hangs in the tree, and the root is not exported twice', async () => {
    vi.useFakeTimers();
    await inTheMiddle(bench);
    const { tracing, exporter } = bench.restart({ graceMs: 0 });
    vi.advanceTimersByTime(1_000);
    const lines = listen();
    await tracing.resume(deploymentInfo()).run(d => d.stage({ id: 's-2', name: 'LATE' }, () => {}));
    expect(exporter.named('LATE').parentSpanContext?.spanId).toBe(rootSpanIdOf('d-1'));
    expect(exporter.named('Deploy').events.at(-1)?.name).toBe('deployment.interrupted');
    expect(lines).toEqual([
      '@spanpass/tracing deployment d-1 goes on after its root span was closed, which stays as it is',
    ]);
  });
});

describe('whoever decides', () => {
  test('is asked about what is found later, too', async () => {
    vi.useFakeTimers();
    const waiting = bench.open();
    const seen: string[] = [];
    waiting.tracing.recover(found => {
      seen.push(found.id);
      found.end('error', 'the other one died');
    });
    const other = bench.open();
    other.tracing.start(deploymentInfo({ id: 'd-2' }));
    vi.advanceTimersByTime(60_000);
    expect(seen).toEqual([]);
    await other.tracing.shutdown();
    vi.advanceTimersByTime(5_000);
    expect(seen).toEqual(['d-2']);
    expect(waiting.exporter.named('Deploy').status.message).toBe('the other one died');
  });

  test('may fail, and may resume at once', async () => {
    const { tracing } = bench.open();
    for (const id of ['d-1', 'd-2', 'd-3']) tracing.start(deploymentInfo({ id }));
    const next = bench.restart();
    const lines = listen();
    const left = next.tracing.recover(found => {
      if (found.id === 'd-2') throw new Error('no idea');
      if (found.id === 'd-3') return Promise.reject(new Error('no database'));
      found.resume().end('success');
    });
    expect(left.map(found => found.id).toSorted()).toEqual(['d-2', 'd-3']);
    await vi.waitFor(() => expect(lines).toHaveLength(2));
    expect(lines.toSorted()).toEqual([
      '@spanpass/tracing what becomes of deployment d-2 could not be decided: Error: no idea',
      '@spanpass/tracing what becomes of deployment d-3 could not be decided: Error: no database',
    ]);
    expect(next.exporter.spans.map(span => span.attributes['deployment-id'])).toEqual(['d-1']);
  });
});

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DiagLogLevel, diag, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  AlwaysOffSampler,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { InterruptedError } from '../endings.ts';
import { deploymentInfo, epochMs, harness, RecordingExporter, T0 } from '../harness.test.helper.ts';
import { rootSpanIdOf, traceIdOf } from '../ids.ts';
import { createDeploymentTracing } from '../tracing.ts';
import { exported, flawsOf, JournalBench, ownersIn, pronounceDead } from './testing/journal-bench.ts';

const STAGE = { id: 's-1', name: 'K8S_SYNC' };
const forever = () => new Promise<never>(() => {});
const MINUTE = 60_000;

let bench: JournalBench;
beforeEach(() => {
  bench = new JournalBench();
});
afterEach(async () => {
  vi.useRealTimers();
  await bench[Symbol.asyncDispose]();
  diag.disable();
});

function listen(level = DiagLogLevel.WARN): string[] {
  const lines: string[] = [];
  const say = (...parts: unknown[]) => lines.push(parts.join(' '));
  diag.setLogger({ error: say, warn: say, info: say, debug: say, verbose: say }, level);
  return lines;
}

const times = (span: ReadableSpan) => [epochMs(span.startTime) - T0, epochMs(span.endTime) - T0];
const eventsOf = (span: ReadableSpan) => span.events.map(({ name, time }) => [name, epochMs(time) - T0]);

/** A piped that has planned, and is in the middle of a step of a stage; it was last alive a minute after the start. */
async function inTheMiddle() {
  const piped = bench.open();
  const deployment = piped.tracing.start(
    deploymentInfo({
      application: { id: 'app-1', kind: 'KUBERNETES', name: 'checkout' },
      pageUrl: 'https://cd.example/d-1',
      environment: 'production',
      labels: { team: 'blue' },
      attributes: { 'git.commit': 'abc' },
      links: [{ context: { traceId: traceIdOf('other'), spanId: rootSpanIdOf('other'), traceFlags: 1 } }],
    }),
  );
  await deployment.plan(() => {});
  bench.clock.nowMs += 20_000;
  deployment.approval('granted', { by: 'alice' });
  bench.clock.nowMs += 20_000;
  void deployment.stage(STAGE, stage => {
    stage.event('applying', { manifests: 3 });
    return stage.step('apply', () => {
      bench.clock.nowMs += 20_000;
      return deployment.step('wait for pods', forever);
    });
  });
  return { ...piped, deployment };
}

describe('killed in mid-deployment', () => {
  test('what is below the root is closed as interrupted when the process was last alive, and its ids are kept', async () => {
    const killed = await inTheMiddle();
    bench.clock.nowMs += MINUTE;
    const { exporter } = bench.restart();
    expect(killed.exporter.spans.map(span => span.name)).toEqual(['Plan']);
    expect(exporter.spans.map(span => span.name)).toEqual(['wait for pods', 'apply', STAGE.name]);
    expect(exporter.spans.map(times)).toEqual([
      [MINUTE, MINUTE],
      [40_000, MINUTE],
      [40_000, MINUTE],
    ]);
    const stage = exporter.named(STAGE.name);
    expect(stage.parentSpanContext?.spanId).toBe(rootSpanIdOf('d-1'));
    expect(exporter.named('apply').parentSpanContext?.spanId).toBe(stage.spanContext().spanId);
    expect(stage.status).toEqual({ code: SpanStatusCode.UNSET });
    expect(stage.attributes).toMatchObject({ 'deployment-id': 'd-1', 'stage-id': 's-1', 'stage-name': STAGE.name });
    expect(stage.attributes).not.toHaveProperty('cicd.pipeline.task.run.result');
    expect(stage.events).toMatchObject([
      { name: 'applying', attributes: { manifests: 3 } },
      { name: 'deployment.interrupted', attributes: { 'spanpass.reason': 'process ended' } },
    ]);
    expect(stage.instrumentationScope).toMatchObject({ name: '@spanpass/tracing', version: '0.1.0' });
  });

  test('resumed with what was found, Deploy is the one that it would have been', async () => {
    const killed = await inTheMiddle();
    bench.clock.nowMs += MINUTE;
    const { tracing, exporter } = bench.restart();
    const [found, ...more] = tracing.recover();
    expect(more).toEqual([]);
    expect(found).toMatchObject({ id: 'd-1', reason: 'process ended', openStages: [STAGE] });
    expect(found?.lastAliveAt.getTime()).toBe(T0 + MINUTE);
    expect(found?.info).toEqual({
      id: 'd-1',
      application: { id: 'app-1', kind: 'KUBERNETES', name: 'checkout' },
      pageUrl: 'https://cd.example/d-1',
      environment: 'production',
      labels: { team: 'blue' },
      startedAt: new Date(T0),
    });
    bench.clock.nowMs += MINUTE;
    await found?.resume().run(d => d.stage(STAGE, () => {}));
    const deploy = exporter.named('Deploy');
    expect(times(deploy)).toEqual([0, 3 * MINUTE]);
    expect(eventsOf(deploy)).toEqual([
      ['approval.granted', 20_000],
      ['deployment.interrupted', MINUTE],
      ['deployment.resumed', 3 * MINUTE],
    ]);
    expect(deploy.status).toEqual({ code: SpanStatusCode.OK });
    expect(deploy.attributes).toMatchObject({
      'git.commit': 'abc',
      labels: 'team=blue',
      'deployment.environment.name': 'production',
      'cicd.pipeline.run.url.full': 'https://cd.example/d-1',
      'cicd.pipeline.result': 'success',
    });
    expect(deploy.links).toMatchObject([{ context: { traceId: traceIdOf('other') } }]);
    expect(flawsOf([...killed.exporter.spans, ...exporter.spans].map(exported))).toEqual([]);
    expect(tracing.recover()).toEqual([]);
  });

  test.each(['resume', 'start'] as const)('%s with what the caller knows himself goes on as well', async method => {
    await inTheMiddle();
    bench.clock.nowMs += MINUTE;
    const { tracing, exporter } = bench.restart();
    await tracing[method](deploymentInfo({ attributes: { more: 1 } })).run(d => d.stage(STAGE, () => {}));
    expect(times(exporter.named('Deploy'))).toEqual([0, 2 * MINUTE]);
    expect(exporter.attributesOf('Deploy')).toMatchObject({ 'git.commit': 'abc', more: 1 });
    expect(exporter.named('Deploy').events.map(event => event.name)).toContain('deployment.resumed');
    expect(tracing.recover()).toEqual([]);
  });

  test('ended, with the word of the caller: it took until its process went away, unless he knows better', async () => {
    await inTheMiddle();
    bench.clock.nowMs += MINUTE;
    const first = bench.open();
    bench.kill();
    const { tracing, exporter } = bench.open();
    expect(first.tracing.recover()).toEqual([]);
    const [found] = tracing.recover();
    found?.end('cancelled', 'nobody needs it any more');
    expect(times(exporter.named('Deploy'))).toEqual([0, MINUTE]);
    expect(exporter.named('Deploy').status).toEqual({
      code: SpanStatusCode.ERROR,
      message: 'nobody needs it any more',
    });
    const lines = listen();
    found?.end('success');
    expect(lines).toEqual(['@spanpass/tracing deployment d-1 is no longer left; this end is ignored']);
    expect(exporter.spans.filter(span => span.name === 'Deploy')).toHaveLength(1);
    expect(() => found?.end('done' as 'success')).toThrow(TypeError);
  });

  test('ended at a time of the caller’s', async () => {
    await inTheMiddle();
    const { tracing, exporter } = bench.restart();
    tracing.recover(found => found.end('failure', 'no pods', new Date(T0 + 50_000)));
    expect(times(exporter.named('Deploy'))).toEqual([0, 50_000]);
  });

  test('killed again while it waits: it waits in the next process, as it was left', async () => {
    await inTheMiddle();
    bench.clock.nowMs += MINUTE;
    bench.restart();
    bench.clock.nowMs += MINUTE;
    const { tracing, exporter } = bench.restart();
    expect(exporter.spans).toEqual([]);
    const [found] = tracing.recover();
    expect(found?.lastAliveAt.getTime()).toBe(T0 + MINUTE);
    expect(found?.openStages).toEqual([]);
    found?.end('failure');
    expect(times(exporter.named('Deploy'))).toEqual([0, MINUTE]);
  });

  test('killed again after it was resumed: one Deploy, which tells of both', async () => {
    await inTheMiddle();
    bench.clock.nowMs += MINUTE;
    bench.restart().tracing.resume(deploymentInfo());
    bench.clock.nowMs += MINUTE;
    const { tracing, exporter } = bench.restart();
    await tracing.resume(deploymentInfo()).run(d => d.stage(STAGE, () => {}));
    expect(eventsOf(exporter.named('Deploy')).map(([name]) => name)).toEqual([
      'approval.granted',
      'deployment.interrupted',
      'deployment.resumed',
      'deployment.interrupted',
      'deployment.resumed',
    ]);
    expect(times(exporter.named('Deploy'))).toEqual([0, 3 * MINUTE]);
  });

  test('nothing is left when all has ended', async () => {
    const { tracing } = bench.open();
    await tracing.start(deploymentInfo()).run(async d => {
      await d.plan(() => {});
      await d.stage(STAGE, stage => stage.step('apply', () => {}));
      d.skipStage({ id: 's-2', name: 'ANALYSIS' });
    });
    expect(bench.contents()).toMatchObject([{ spans: [], parts: [] }]);
    const after = bench.restart();
    expect(after.tracing.recover()).toEqual([]);
    expect(after.exporter.spans).toEqual([]);
    expect(bench.files()).toHaveLength(1);
  });

  test('an attribute that was set on a span itself is there a second later', async () => {
    vi.useFakeTimers();
    const { deployment } = await inTheMiddle();
    deployment.span.setAttribute('cluster', 'eu-1');
    vi.advanceTimersByTime(1_000);
    const { tracing, exporter } = bench.restart();
    tracing.recover(found => found.end('success'));
    expect(exporter.attributesOf('Deploy')).toMatchObject({ cluster: 'eu-1' });
  });

  test('a span too large to be kept whole is kept in part: the tree holds, and the deployment can go on', async () => {
    const lines = listen();
    const { tracing } = bench.open();
    const large = 'x'.repeat(300_000);
    const deployment = tracing.start(deploymentInfo({ attributes: { large }, labels: { large } }));
    void deployment.stage({ ...STAGE, attributes: { large: [large], small: 1 } }, stage => {
      stage.event('large', { large });
      return forever();
    });
    const next = bench.restart();
    expect(next.exporter.attributesOf(STAGE.name)).toMatchObject({ small: 1, large: [], 'stage-id': 's-1' });
    const [found] = next.tracing.recover();
    expect(found?.info).toMatchObject({ id: 'd-1', application: { id: 'app-1' } });
    found?.resume().end();
    expect(next.exporter.attributesOf('Deploy').large).toHaveLength(256);
    expect(lines).toEqual(['@spanpass/tracing span Deploy is too large for the journal, which keeps less of it']);
  });

  test('no pass of an error’s text is written to the disk', async () => {
    const token = `eyJhbGciOiJFUzI1NiJ9.${'a'.repeat(40)}.${'b'.repeat(40)}`;
    const deployment = bench.open().tracing.start(deploymentInfo());
    await deployment.stage(STAGE, () => Promise.reject(new Error(`refused: ${token}`))).catch(() => {});
    deployment.suspend(`no more ${token}`);
    const text = bench.files().map(file => readFileSync(join(bench.folder, file), 'latin1'));
    expect(text.join('')).toContain('refused: [redacted]');
    expect(text.join('')).not.toContain(token);
  });

  test('what is not sampled is not written down', async () => {
    const { tracing } = bench.open({ sampler: new AlwaysOffSampler() });
    tracing.start(deploymentInfo());
    expect(bench.contents()).toMatchObject([{ spans: [] }]);
  });

  test('a sampler that has changed its mind does not tear the tree', async () => {
    await inTheMiddle();
    const { tracing, exporter } = bench.restart({ sampler: new AlwaysOffSampler() });
    expect(exporter.spans).toHaveLength(3);
    tracing.recover(found => found.end('success'));
    expect(exporter.named('Deploy').spanContext().traceFlags).toBe(1);
  });

  test('spans of instrumentations are closed too: ours may hang below', async () => {
    const killed = bench.open({ registerGlobally: true });
    const deployment = killed.tracing.start(deploymentInfo());
    void deployment.stage(STAGE, stage => {
      trace.getTracer('http', '2.0').startActiveSpan('GET', () => {
        void stage.step('below GET', () => {});
        return forever();
      });
      return forever();
    });
    await vi.waitFor(() => expect(killed.exporter.spans).toHaveLength(1));
    trace.disable();
    const { tracing, exporter } = bench.restart();
    tracing.recover(found => found.end('error', 'gone'));
    expect(exporter.spans.map(span => span.name)).toEqual(['GET', STAGE.name, 'Deploy']);
    expect(exporter.named('GET').instrumentationScope).toMatchObject({ name: 'http', version: '2.0' });
    expect(flawsOf([...killed.exporter.spans, ...exporter.spans].map(exported))).toEqual([]);
  });

  test('of a joined deployment, its stages are closed, and its root is left to its holder', async () => {
    const { tracing } = bench.open();
    void tracing.join(deploymentInfo()).stage(STAGE, forever);
    const next = bench.restart();
    expect(next.exporter.spans.map(span => span.name)).toEqual([STAGE.name]);
    expect(next.exporter.named(STAGE.name).parentSpanContext).toMatchObject({
      spanId: rootSpanIdOf('d-1'),
      isRemote: true,
    });
    expect(next.tracing.recover()).toEqual([]);
  });

  test('the resource is that of the piped that recovers; a version that it does not have any more is named', async () => {
    await inTheMiddle();
    const { exporter } = bench.restart({ version: '2.0.0' });
    const stage = exporter.named(STAGE.name);
    expect(stage.resource.attributes).toMatchObject({ 'service.version': '2.0.0', 'piped-id': 'edge-1' });
    expect(stage.events.at(-1)?.attributes).toEqual({
      'spanpass.reason': 'process ended',
      'service.version': '1.2.3',
    });
  });
});

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
    await inTheMiddle();
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
    await inTheMiddle();
    const { exporter } = bench.restart();
    vi.advanceTimersByTime(299_000);
    expect(exporter.spans.map(span => span.name)).not.toContain('Deploy');
    vi.advanceTimersByTime(1_000);
    expect(exporter.spans.map(span => span.name)).toContain('Deploy');
  });

  test('and somebody comes later still: what he does hangs in the tree, and the root is not exported twice', async () => {
    vi.useFakeTimers();
    await inTheMiddle();
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
    const first = await inTheMiddle();
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
    await inTheMiddle();
    await bench.restart().tracing.shutdown();
    expect(bench.open().tracing.recover()).toMatchObject([{ reason: 'process ended' }]);
  });
});

test('killed while its end went out: it goes out once more, the same, and nothing begins again under its id', async () => {
  const exporter = new RecordingExporter();
  const killer: SpanProcessor = {
    onStart: () => {},
    onEnd: () => bench.kill(),
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  const { tracing } = bench.open({ spanProcessors: [new SimpleSpanProcessor(exporter), killer] });
  tracing.start(deploymentInfo()).end('failure', 'no pods');
  const next = bench.open();
  expect(next.tracing.recover()).toEqual([]);
  expect(exporter.spans).toHaveLength(1);
  expect(next.exporter.spans.map(exported)).toEqual(exporter.spans.map(exported));
  next.tracing.resume(deploymentInfo()).end('success');
  expect(next.exporter.spans).toHaveLength(1);
});

describe('a folder that processes share', () => {
  test('the journal of one that lives is not taken', async () => {
    const first = await inTheMiddle();
    const second = bench.open();
    expect(second.tracing.recover()).toEqual([]);
    expect(second.exporter.spans).toEqual([]);
    first.deployment.end('success');
    expect(first.exporter.named('Deploy').status.code).toBe(SpanStatusCode.OK);
  });

  test.each([{ piped: 'edge-2' }, { project: 'other' }])('nor that of %j', async other => {
    await inTheMiddle();
    const stranger = bench.restart(other);
    expect(stranger.tracing.recover()).toEqual([]);
    stranger.tracing.resume(deploymentInfo()).end();
    expect(stranger.exporter.spans.map(span => span.name)).toEqual(['Deploy']);
    expect(bench.open().tracing.recover()).toHaveLength(1);
  });

  test('of two that start at once, one gets it', async () => {
    await inTheMiddle();
    bench.kill();
    const both = [bench.open(), bench.open()];
    const found = both.flatMap(({ tracing }) => tracing.recover());
    expect(found).toHaveLength(1);
    found[0]?.end('success');
    expect(both.flatMap(({ exporter }) => exporter.spans)).toHaveLength(4);
  });

  test('what a process holds that can’t be told dead yet is taken up from what it wrote, and not again afterwards', async () => {
    await inTheMiddle();
    const [first = ''] = ownersIn(bench.folder);
    vi.useFakeTimers();
    const second = bench.open({ graceMs: 0 });
    bench.clock.nowMs += MINUTE;
    second.tracing.resume(deploymentInfo()).end('success');
    expect(times(second.exporter.named('Deploy'))).toEqual([0, 2 * MINUTE]);
    expect(second.exporter.attributesOf('Deploy')).toMatchObject({ 'git.commit': 'abc' });
    expect(second.exporter.spans).toHaveLength(1);
    pronounceDead(bench.folder, first);
    vi.advanceTimersByTime(10_000);
    const later = second.exporter.spans.slice(1).map(span => span.name);
    expect(later).toEqual(['wait for pods', 'apply', STAGE.name]);
  });
});

describe('a clock that is set back', () => {
  test('nothing ends before it began, and the last write counts, not the latest time', async () => {
    const { tracing } = bench.open();
    const deployment = tracing.start(deploymentInfo());
    bench.clock.nowMs += 10 * MINUTE;
    void deployment.stage(STAGE, forever);
    bench.clock.nowMs -= 9 * MINUTE;
    void deployment.stage({ id: 's-2', name: 'LATER' }, forever);
    bench.clock.nowMs -= MINUTE * 30;
    const next = bench.restart();
    expect(times(next.exporter.named(STAGE.name))).toEqual([10 * MINUTE, 10 * MINUTE]);
    expect(times(next.exporter.named('LATER'))).toEqual([MINUTE, MINUTE]);
    const lines = listen();
    next.tracing.resume(deploymentInfo()).end('success');
    expect(times(next.exporter.named('Deploy'))).toEqual([0, 0]);
    expect(lines.filter(line => !line.includes('Inconsistent start and end time'))).toEqual([]);
  });
});

describe('a journal that can’t be read', () => {
  const leave = (file: string, text: string) => writeFileSync(join(bench.folder, file), text);

  test('is put aside, and said', () => {
    bench.open();
    const lines = listen();
    leave('0123456789abcdef.0123456789abcdef.journal', 'no journal');
    const { tracing } = bench.open();
    expect(tracing.recover()).toEqual([]);
    expect(bench.files()).toContain('0123456789abcdef.0123456789abcdef.journal.damaged');
    expect(lines).toEqual([
      '@spanpass/tracing 0123456789abcdef.0123456789abcdef.journal holds no readable journal: what it may have held is lost',
    ]);
  });

  test('a folder that can’t be used: the deployment goes on, and it is said', async () => {
    bench.open();
    leave('file', '');
    const lines = listen();
    const { tracing, exporter } = harness({ journal: { folder: `${bench.folder}/file/journals` } });
    await tracing.start(deploymentInfo()).run(d => d.stage(STAGE, () => {}));
    expect(exporter.spans).toHaveLength(2);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('there is no journal of open spans, those of a killed process will be lost');
  });
});

test('without a journal, nothing is recovered, and nothing is written', async () => {
  const { tracing } = harness();
  expect(tracing.recover(() => expect.fail('nothing to decide'))).toEqual([]);
});

test.each([
  ['no folder', { folder: '' }, 'journal.folder must be a path'],
  ['too few bytes', { folder: '/x', maxBytes: 100 }, 'journal.maxBytes must be a whole number from 65536'],
  ['half a byte', { folder: '/x', maxBytes: 100_000.5 }, 'journal.maxBytes must be'],
  ['no number', { folder: '/x', graceMs: Number.NaN }, 'journal.graceMs must be at least 0'],
  ['a grace that is over', { folder: '/x', graceMs: -1 }, 'journal.graceMs must be at least 0'],
])('options with %s are refused', (_, journal, message) => {
  const exporter = new RecordingExporter();
  const make = () => createDeploymentTracing({ project: 'p', piped: 'd', version: '1', exporter, journal });
  expect(make).toThrow(TypeError);
  expect(make).toThrow(message);
});

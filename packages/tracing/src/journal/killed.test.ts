import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTraceState, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  AlwaysOffSampler,
  type Sampler,
  SamplingDecision,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { describe, expect, test, vi } from 'vitest';
import { deploymentInfo, RecordingExporter, T0 } from '../harness.test.helper.ts';
import { rootSpanIdOf, traceIdOf } from '../ids.ts';
import { bench } from './testing/each-bench.ts';
import { eventsOf, forever, inTheMiddle, listen, MINUTE, STAGE, times } from './testing/interrupted-piped.ts';
import { exported, flawsOf } from './testing/journal-bench.ts';

describe('killed in mid-deployment', () => {
  test('what is below the root is closed as interrupted when the process was last alive, and its ids are kept', async () => {
    const killed = await inTheMiddle(bench);
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
    expect(stage.events.at(-1)?.attributes).toEqual({ 'spanpass.reason': 'process ended' });
    expect(stage.instrumentationScope).toMatchObject({ name: '@spanpass/tracing', version: '0.1.0' });
  });

  test('resumed with what was found, Deploy is the one that it would have been', async () => {
    const killed = await inTheMiddle(bench);
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
    await inTheMiddle(bench);
    bench.clock.nowMs += MINUTE;
    const { tracing, exporter } = bench.restart();
    await tracing[method](deploymentInfo({ attributes: { more: 1 } })).run(d => d.stage(STAGE, () => {}));
    expect(times(exporter.named('Deploy'))).toEqual([0, 2 * MINUTE]);
    expect(exporter.attributesOf('Deploy')).toMatchObject({ 'git.commit': 'abc', more: 1 });
    expect(exporter.named('Deploy').events.map(event => event.name)).toContain('deployment.resumed');
    expect(tracing.recover()).toEqual([]);
  });

  test('ended, with the word of the caller: it took until its process went away, unless he knows better', async () => {
    await inTheMiddle(bench);
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
    await inTheMiddle(bench);
    const { tracing, exporter } = bench.restart();
    tracing.recover(found => found.end('failure', 'no pods', new Date(T0 + 50_000)));
    expect(times(exporter.named('Deploy'))).toEqual([0, 50_000]);
  });

  test('killed again while it waits: it waits in the next process, as it was left', async () => {
    await inTheMiddle(bench);
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
    await inTheMiddle(bench);
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
    const { deployment } = await inTheMiddle(bench);
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
    await deployment.stage(STAGE, stage => stage.settle('failure', `refused: ${token}`));
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

  test.each(['option', 'environment'])('a sampler by %s that has changed its mind does not tear the tree', async by => {
    await inTheMiddle(bench);
    if (by === 'environment') vi.stubEnv('OTEL_TRACES_SAMPLER', 'always_off');
    const { tracing, exporter } = bench.restart(by === 'option' ? { sampler: new AlwaysOffSampler() } : {});
    expect(exporter.spans).toHaveLength(3);
    tracing.recover(found => found.end('success'));
    expect(exporter.named('Deploy').spanContext().traceFlags).toBe(1);
  });

  test('a trace state is kept', () => {
    const sampler: Sampler = {
      shouldSample: () => ({
        decision: SamplingDecision.RECORD_AND_SAMPLED,
        traceState: createTraceState('ot=th:8'),
      }),
    };
    void bench.open({ sampler }).tracing.start(deploymentInfo()).stage(STAGE, forever);
    const { tracing, exporter } = bench.restart();
    tracing.recover(found => found.end('success'));
    expect(exporter.spans.map(span => span.spanContext().traceState?.serialize())).toEqual(['ot=th:8', 'ot=th:8']);
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
    await inTheMiddle(bench);
    const { exporter } = bench.restart({ version: '2.0.0' });
    const stage = exporter.named(STAGE.name);
    expect(stage.resource.attributes).toMatchObject({ 'service.version': '2.0.0', 'piped-id': 'edge-1' });
    expect(stage.events.at(-1)?.attributes).toEqual({
      'spanpass.reason': 'process ended',
      'service.version': '1.2.3',
    });
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

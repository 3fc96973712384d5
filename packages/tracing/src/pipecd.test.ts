import { SpanStatusCode } from '@opentelemetry/api';
import { describe, expect, test } from 'vitest';
import { CancelledError, InterruptedError } from './endings.ts';
import { deploymentInfo, epochMs, harness, IDENTITY, RecordingExporter, T0 } from './harness.test.helper.ts';
import { createDeploymentTracing } from './tracing.ts';

const CANARY = { id: 's-1', name: 'K8S_CANARY_ROLLOUT' };
const quietly = (run: Promise<unknown>) => run.catch(() => {});

/** What reading traces of PipeCD's own piped is spoilt by, and that it is not so here. */
describe('traces say what PipeCD’s leave out or get wrong', () => {
  test('the first stage that fails has its own message, not that of the deployment before', async () => {
    const { tracing, exporter } = harness();
    await quietly(
      tracing.start(deploymentInfo()).run(d => d.stage(CANARY, () => Promise.reject(new Error('image not found')))),
    );
    expect(exporter.named(CANARY.name).status).toEqual({ code: SpanStatusCode.ERROR, message: 'image not found' });
    expect(exporter.named('Deploy').status.message).toBe('stage K8S_CANARY_ROLLOUT failed: image not found');
  });

  test('a timeout, a cancellation and a shutdown do not look alike', async () => {
    const endOf = async (error: Error) => {
      const { tracing, exporter } = harness();
      const abort = AbortSignal.abort(error);
      const work = () => Promise.reject(new DOMException('This operation was aborted', 'AbortError'));
      await quietly(tracing.start(deploymentInfo()).run(d => d.stage(CANARY, work, { signal: abort })));
      const deploy = exporter.spans.find(span => span.name === 'Deploy');
      return [exporter.attributesOf(CANARY.name)['cicd.pipeline.task.run.result'], deploy?.status.message];
    };
    expect(await endOf(new DOMException('10 min are over', 'TimeoutError'))).toEqual([
      'timeout',
      'stage K8S_CANARY_ROLLOUT timed out: 10 min are over',
    ]);
    expect(await endOf(new CancelledError('by alice'))).toEqual([
      'cancellation',
      'stage K8S_CANARY_ROLLOUT was cancelled: by alice',
    ]);
    expect(await endOf(new InterruptedError('upgrade'))).toEqual([undefined, undefined]);
  });

  test('a piped that shuts down in mid-deployment leaves no Deploy span that says Ok', async () => {
    const { tracing, exporter } = harness();
    tracing.start(deploymentInfo());
    await tracing.shutdown();
    expect(exporter.spans).toEqual([]);
  });

  test('the text of a good end is kept, though OpenTelemetry drops it from the status', async () => {
    const { tracing, exporter } = harness();
    tracing.start(deploymentInfo()).end('success', 'all 3 stages done');
    expect(exporter.named('Deploy').status).toEqual({ code: SpanStatusCode.OK });
    expect(exporter.attributesOf('Deploy')).toMatchObject({ 'spanpass.reason': 'all 3 stages done' });
  });

  test('the plan has a status', async () => {
    const { tracing, exporter } = harness();
    await tracing.start(deploymentInfo()).run(d => d.plan(() => {}));
    await quietly(tracing.start(deploymentInfo({ id: 'd-2' })).run(d => d.plan(() => Promise.reject(new Error('no')))));
    const plans = exporter.spans.filter(span => span.name === 'Plan');
    expect(plans.map(span => span.status.code)).toEqual([SpanStatusCode.OK, SpanStatusCode.ERROR]);
  });

  test('a trace has one root, which covers plan, failures before the first stage, and stages', async () => {
    const { tracing, exporter, clock } = harness();
    await quietly(
      tracing.start(deploymentInfo()).run(async d => {
        await d.plan(() => {
          clock.nowMs += 1000;
        });
        throw new Error('target source not readable');
      }),
    );
    const roots = exporter.spans.filter(span => !span.parentSpanContext);
    expect(roots.map(span => [span.name, span.status.message])).toEqual([['Deploy', 'target source not readable']]);
    expect(epochMs(exporter.named('Deploy').startTime)).toBe(T0);
  });

  test('work inside of a stage has spans of its own', async () => {
    const { tracing, exporter } = harness();
    await tracing.start(deploymentInfo()).run(d => d.stage(CANARY, stage => stage.step('kubectl apply', () => {})));
    expect(exporter.named('kubectl apply').parentSpanContext?.spanId).toBe(
      exporter.named(CANARY.name).spanContext().spanId,
    );
  });

  test('labels read the same whatever order they come in', () => {
    const { tracing, exporter } = harness();
    tracing.start(deploymentInfo({ labels: { b: '2', a: '1' } })).end();
    expect(exporter.attributesOf('Deploy').labels).toBe('a=1,b=2');
  });

  test('the last batch is not lost', async () => {
    const exporter = new RecordingExporter();
    {
      await using tracing = createDeploymentTracing({ ...IDENTITY, exporter });
      await tracing.start(deploymentInfo()).run(d => d.stage(CANARY, () => {}));
    }
    expect(exporter.spans.map(span => span.name)).toEqual([CANARY.name, 'Deploy']);
  });
});

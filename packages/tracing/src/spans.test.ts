import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { describe, expect, test } from 'vitest';
import { deploymentInfo, epochMs, harness, IDENTITY, T0 } from './harness.test.helper.ts';
import { rootSpanIdOf, traceIdOf } from './ids.ts';

const CANARY = { id: 's-1', name: 'K8S_CANARY_ROLLOUT' };
const RFC_TAGS = { 'application-id': 'app-1', 'application-kind': 'KUBERNETES', 'deployment-id': 'd-1' };

async function rollout() {
  const set = harness();
  const { tracing, clock } = set;
  const info = deploymentInfo({
    application: { id: 'app-1', kind: 'KUBERNETES', name: 'checkout' },
    pageUrl: 'https://cd.example/d-1',
    environment: 'production',
    labels: { team: 'blue', env: 'prod' },
    attributes: { 'git.commit': 'abc' },
  });
  await tracing.start(info).run(async deployment => {
    await deployment.plan(plan =>
      plan.step('read config', () => {
        clock.nowMs += 100;
      }),
    );
    await deployment.stage({ ...CANARY, pageUrl: 'https://cd.example/d-1/s-1' }, async stage => {
      await stage.step('apply manifests', async apply => {
        await apply.step('apply deployment.yaml', () => {
          clock.nowMs += 1000;
        });
      });
    });
    deployment.skipStage({ id: 's-2', name: 'ANALYSIS' }, 'no metrics provider');
    await deployment.stage({ id: 's-3', name: 'ROLLBACK', rollback: true }, () => {});
  });
  return set;
}

describe('the tree of one deployment', () => {
  test('one root; plan and stages below it; steps below what they are called in', async () => {
    const { exporter } = await rollout();
    const names = new Map(exporter.spans.map(span => [span.spanContext().spanId, span.name]));
    const tree = exporter.spans.map(span => [span.name, names.get(span.parentSpanContext?.spanId ?? '')]);
    expect(tree).toEqual([
      ['read config', 'Plan'],
      ['Plan', 'Deploy'],
      ['apply deployment.yaml', 'apply manifests'],
      ['apply manifests', CANARY.name],
      [CANARY.name, 'Deploy'],
      ['ANALYSIS', 'Deploy'],
      ['ROLLBACK', 'Deploy'],
      ['Deploy', undefined],
    ]);
    expect(new Set(exporter.spans.map(span => span.spanContext().traceId))).toEqual(new Set([traceIdOf('d-1')]));
    expect(exporter.named('Deploy').spanContext().spanId).toBe(rootSpanIdOf('d-1'));
  });

  test('times are those of the clock given', async () => {
    const { exporter } = await rollout();
    const deploy = exporter.named('Deploy');
    const canary = exporter.named(CANARY.name);
    expect([epochMs(deploy.startTime), epochMs(deploy.endTime)]).toEqual([T0, T0 + 1100]);
    expect([epochMs(canary.startTime), epochMs(canary.endTime)]).toEqual([T0 + 100, T0 + 1100]);
  });

  test('without one the SDK takes the time', async () => {
    const exporter = harness().exporter;
    const { tracing } = harness({ spanProcessors: [], exporter });
    const before = Date.now();
    await tracing.start(deploymentInfo()).run(() => {});
    await tracing.forceFlush();
    expect(epochMs(exporter.named('Deploy').startTime)).toBeGreaterThanOrEqual(before);
  });
});

describe('attributes', () => {
  test('every span carries the tags of the RFC, and the conventions beside them', async () => {
    const { exporter } = await rollout();
    for (const { attributes } of exporter.spans) {
      expect(attributes).toMatchObject({
        ...RFC_TAGS,
        'cicd.pipeline.name': 'checkout',
        'cicd.pipeline.run.id': 'd-1',
        'cicd.pipeline.run.url.full': 'https://cd.example/d-1',
        'deployment.id': 'd-1',
        'deployment.name': 'checkout',
        'deployment.environment.name': 'production',
      });
    }
  });

  test('Deploy', async () => {
    const { exporter } = await rollout();
    expect(exporter.named('Deploy').kind).toBe(SpanKind.SERVER);
    expect(exporter.attributesOf('Deploy')).toEqual({
      ...RFC_TAGS,
      'cicd.pipeline.name': 'checkout',
      'cicd.pipeline.run.id': 'd-1',
      'cicd.pipeline.run.url.full': 'https://cd.example/d-1',
      'cicd.pipeline.result': 'success',
      'deployment.id': 'd-1',
      'deployment.name': 'checkout',
      'deployment.environment.name': 'production',
      'deployment.status': 'succeeded',
      'git.commit': 'abc',
      labels: 'env=prod,team=blue',
    });
  });

  test('a stage', async () => {
    const { exporter } = await rollout();
    expect(exporter.named(CANARY.name).kind).toBe(SpanKind.INTERNAL);
    expect(exporter.attributesOf(CANARY.name)).toMatchObject({
      'stage-name': CANARY.name,
      'stage-id': 's-1',
      'cicd.pipeline.task.name': CANARY.name,
      'cicd.pipeline.task.run.id': 's-1',
      'cicd.pipeline.task.run.url.full': 'https://cd.example/d-1/s-1',
      'cicd.pipeline.task.run.result': 'success',
    });
    expect(exporter.attributesOf(CANARY.name)).not.toHaveProperty('spanpass.stage.rollback');
    expect(exporter.attributesOf('ROLLBACK')).toMatchObject({ 'spanpass.stage.rollback': true });
  });

  test('steps carry their stage, but are no tasks of their own', async () => {
    const { exporter } = await rollout();
    const step = exporter.attributesOf('apply deployment.yaml');
    expect(step).toMatchObject({ 'stage-name': CANARY.name, 'stage-id': 's-1' });
    expect(Object.keys(step).filter(name => name.startsWith('cicd.pipeline.task'))).toEqual([]);
  });

  test('the plan belongs to no stage', async () => {
    const { exporter } = await rollout();
    expect(exporter.attributesOf('Plan')).toMatchObject({
      'cicd.pipeline.task.name': 'Plan',
      'cicd.pipeline.task.run.result': 'success',
    });
    expect(exporter.attributesOf('Plan')).not.toHaveProperty('stage-name');
  });

  test('a stage that was not run: no duration, no error, and why', async () => {
    const { exporter } = await rollout();
    const skipped = exporter.named('ANALYSIS');
    expect(skipped.duration).toEqual([0, 0]);
    expect(skipped.status).toEqual({ code: SpanStatusCode.UNSET });
    expect(skipped.attributes).toMatchObject({
      'stage-name': 'ANALYSIS',
      'stage-id': 's-2',
      'cicd.pipeline.task.run.result': 'skip',
      'spanpass.reason': 'no metrics provider',
    });
  });

  test('identity is on the resource, and on no span', async () => {
    const { exporter } = await rollout();
    for (const span of exporter.spans) {
      expect(span.resource.attributes).toMatchObject({
        'service.name': 'piped',
        'service.version': IDENTITY.version,
        'service.namespace': IDENTITY.project,
        'service.instance.id': IDENTITY.piped,
        'project-id': IDENTITY.project,
        'piped-id': IDENTITY.piped,
      });
      expect(Object.keys(span.attributes)).not.toContain('project-id');
    }
  });

  test('the scope names this package and the schema of the names', async () => {
    const { exporter } = await rollout();
    expect(exporter.named('Deploy').instrumentationScope).toEqual({
      name: '@spanpass/tracing',
      version: '0.1.0',
      schemaUrl: 'https://opentelemetry.io/schemas/1.45.0',
    });
  });

  test('what an application adds cannot hide the tags', async () => {
    const { tracing, exporter } = harness();
    await tracing.start(deploymentInfo({ attributes: { 'deployment-id': 'forged' } })).run(() => {});
    expect(exporter.attributesOf('Deploy')).toMatchObject({ 'deployment-id': 'd-1' });
  });
});

test('links lead to other deployments', async () => {
  const { tracing, exporter } = harness();
  const before = tracing.start(deploymentInfo({ id: 'd-0' }));
  tracing.start(deploymentInfo({ links: [{ context: before.span.spanContext() }] })).end();
  expect(exporter.named('Deploy').links.map(link => link.context.traceId)).toEqual([traceIdOf('d-0')]);
});

test('approvals and other happenings are events, at their time', async () => {
  const { tracing, exporter, clock } = harness();
  await tracing.start(deploymentInfo()).run(async deployment => {
    deployment.event('queued', { position: 2 });
    deployment.approval('granted');
    await deployment.stage({ id: 's-1', name: 'WAIT_APPROVAL' }, stage => {
      stage.approval('requested', { approvers: ['alice', 'bob'], required: 1 });
      clock.nowMs += 5000;
      stage.approval('denied', { by: 'bob', comment: 'Friday' });
      stage.approval('granted', { by: 'alice' });
    });
  });
  expect(exporter.named('Deploy').events).toMatchObject([
    { name: 'queued', attributes: { position: 2 } },
    { name: 'approval.granted' },
  ]);
  expect(exporter.named('WAIT_APPROVAL').events.map(e => [e.name, e.attributes, epochMs(e.time) - T0])).toEqual([
    ['approval.requested', { 'spanpass.approval.approvers': ['alice', 'bob'], 'spanpass.approval.required': 1 }, 0],
    ['approval.denied', { 'spanpass.approval.by': 'bob', 'spanpass.approval.comment': 'Friday' }, 5000],
    ['approval.granted', { 'spanpass.approval.by': 'alice' }, 5000],
  ]);
});

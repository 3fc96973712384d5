/**
 * A piped that deploys nothing, but tells its trace all the same: a plan, a canary, an approval, the rollout, and a
 * rollback if the canary is told to fail.
 *
 *   node dist/examples/rollout.js [canary-fails]
 *
 * With OTEL_EXPORTER_OTLP_ENDPOINT set, spans go there (OTLP/HTTP); without it, they are printed. With PIPED_JOURNAL set to
 * a folder, it may be killed: the next one closes what it left open.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { createDeploymentTracing, type Deployment, type DeploymentTracing } from '@spanpass/tracing';

const APPLICATION = { id: 'app-checkout', kind: 'KUBERNETES', name: 'checkout' };

interface Rollout {
  readonly id: string;
  readonly canaryFails: boolean;
}

async function rollOut(tracing: DeploymentTracing, { id, canaryFails }: Rollout): Promise<void> {
  const deployment = tracing.start({
    id,
    application: APPLICATION,
    environment: 'production',
    pageUrl: `https://cd.example/deployments/${id}`,
    labels: { team: 'payments' },
  });
  await deployment.run(async () => {
    await deployment.plan(async plan => {
      await plan.step('load manifests', () => delay(10));
      plan.event('strategy chosen', { strategy: 'canary' });
    });
    try {
      await canary(deployment, canaryFails);
    } catch (error) {
      await rollback(deployment);
      throw error;
    }
    await approval(deployment);
    await deployment.stage({ id: 's-4', name: 'K8S_PRIMARY_ROLLOUT' }, () => delay(30));
  });
}

async function canary(deployment: Deployment, fails: boolean): Promise<void> {
  await deployment.stage(
    { id: 's-1', name: 'K8S_CANARY_ROLLOUT' },
    async stage => {
      await stage.step('apply manifests', () => delay(10));
      await stage.step('wait for pods', async ({ signal }) => {
        await delay(20, undefined, { signal });
        if (fails) throw new Error('pod checkout-canary-0: ImagePullBackOff');
      });
    },
    { timeoutMs: 60_000 },
  );
  deployment.skipStage({ id: 's-2', name: 'ANALYSIS' }, 'no metrics provider is configured');
}

async function approval(deployment: Deployment): Promise<void> {
  await deployment.stage({ id: 's-3', name: 'WAIT_APPROVAL' }, async stage => {
    stage.approval('requested', { approvers: ['alice', 'bob'], required: 1 });
    await delay(20);
    stage.approval('granted', { by: 'alice' });
  });
}

async function rollback(deployment: Deployment): Promise<void> {
  deployment.cancelStage({ id: 's-4', name: 'K8S_PRIMARY_ROLLOUT' }, 'the canary failed');
  await deployment.stage({ id: 's-5', name: 'ROLLBACK', rollback: true }, () => delay(10));
}

/** The trace as an indented list, parents before children. */
function printed(spans: readonly ReadableSpan[], parent?: string, indent = ''): string {
  return spans
    .filter(span => span.parentSpanContext?.spanId === parent)
    .map(span => {
      const result = span.attributes['cicd.pipeline.task.run.result'] ?? span.attributes['cicd.pipeline.result'] ?? '';
      const line = [indent + span.name, result, span.status.message ?? ''].join('  ').trimEnd();
      return `${line}\n${printed(spans, span.spanContext().spanId, `${indent}  `)}`;
    })
    .join('');
}

const folder = process.env.PIPED_JOURNAL;
const identity = { project: 'shop', piped: 'edge-1', version: '1.0.0', ...(folder && { journal: { folder } }) };
const memory = new InMemorySpanExporter();
const toEndpoint = process.env.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined;
await using tracing = createDeploymentTracing(
  toEndpoint
    ? { ...identity, exporter: new OTLPTraceExporter() }
    : { ...identity, spanProcessors: [new SimpleSpanProcessor(memory)] },
);
tracing.recover(left => left.end('error', 'the piped was killed'));
const canaryFails = process.argv.includes('canary-fails');
const failed = await rollOut(tracing, { id: randomUUID(), canaryFails }).then(
  () => false,
  () => true,
);
process.stdout.write(printed(memory.getFinishedSpans()));
process.exitCode = failed ? 1 : 0;

import { setTimeout as sleep } from 'node:timers/promises';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import type { Client } from '@spanpass/client';
import { createDeploymentTracing, traceIdOf } from '@spanpass/tracing';

export interface DemoDeployment {
  readonly project: string;
  readonly piped: string;
  readonly deploymentId: string;
  /** Attaches the piped's credential. */
  readonly client: Client;
  /** The gateway's OTLP/gRPC, `http://host:port`. */
  readonly gatewayUrl: string;
  readonly stop: AbortSignal;
}

/** The spans that a demo deployment leaves, whatever else hangs below them. */
export const DEMO_SPANS = Object.freeze([
  'Deploy',
  'Plan',
  'K8S_CANARY_ROLLOUT',
  'WAIT_APPROVAL',
  'K8S_PRIMARY_ROLLOUT',
]);

/**
 * Deploys nothing, but says so as a piped would: one deployment with a plan and three stages, through the stock OTLP
 * exporter. Returns the trace id when the gateway has accepted it.
 */
export async function runDemoDeployment(options: DemoDeployment): Promise<string> {
  const { project, piped, deploymentId, client, gatewayUrl, stop } = options;
  const exporter = new OTLPTraceExporter({ url: gatewayUrl, credentials: client.credentialsFor(gatewayUrl) });
  const tracing = createDeploymentTracing({ project, piped, version: 'demo', exporter });
  try {
    const deployment = tracing.start({
      id: deploymentId,
      application: { id: 'demo-app', kind: 'KUBERNETES', name: 'hello' },
      environment: 'demo',
    });
    const work = (ms: number) => sleep(ms, undefined, { signal: stop });
    await deployment.run(async () => {
      await deployment.plan(() => work(30));
      await deployment.stage({ id: 'stage-1', name: 'K8S_CANARY_ROLLOUT' }, async stage => {
        await stage.step('apply manifests', () => work(60));
        await stage.step('wait until ready', () => work(50));
      });
      await deployment.stage({ id: 'stage-2', name: 'WAIT_APPROVAL' }, async stage => {
        stage.approval('requested', { approvers: ['somebody'] });
        await work(40);
        stage.approval('granted', { by: 'somebody' });
      });
      await deployment.stage({ id: 'stage-3', name: 'K8S_PRIMARY_ROLLOUT' }, () => work(90));
    });
    await tracing.forceFlush({ timeoutMs: 10_000 });
  } finally {
    await tracing.shutdown({ timeoutMs: 2_000 }).catch(() => {});
  }
  return traceIdOf(deploymentId);
}

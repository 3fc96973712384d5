/**
 * Sixty deployments, one a second, for the pictures in the documentation: most take one to three seconds, those of a slow spell in
 * the middle six to eight, some fail in their canary and are rolled back.
 *
 *   node test/dist/pictures/deployments.js KEY_FILE GATEWAY_URL
 */
import { setTimeout as delay } from 'node:timers/promises';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { createClient, readKeyFile } from '@spanpass/client';
import { createDeploymentTracing, type DeploymentTracing } from '@spanpass/tracing';

const COUNT = 60;
const [keyFile = '', url = ''] = process.argv.slice(2);

async function deploy(tracing: DeploymentTracing, index: number): Promise<void> {
  const slow = index >= 28 && index < 38;
  const canaryFails = index % 13 === 7;
  const unitMs = 100 + ((index * 37) % 100) + (slow ? 350 : 0);
  const deployment = tracing.start({
    id: `deployment-${Date.now()}-${index}`,
    application: { id: 'app-checkout', kind: 'KUBERNETES', name: 'checkout' },
    environment: 'production',
  });
  await deployment.run(async () => {
    await deployment.plan(plan => plan.step('load manifests', () => delay(unitMs)));
    try {
      await deployment.stage({ id: 's-1', name: 'K8S_CANARY_ROLLOUT' }, async stage => {
        await stage.step('apply manifests', () => delay(unitMs * 2));
        await stage.step('wait until ready', () => delay(unitMs * 4));
        if (canaryFails) throw new Error('pod checkout-canary-0: ImagePullBackOff');
      });
    } catch (error) {
      await deployment.stage({ id: 's-9', name: 'ROLLBACK', rollback: true }, () => delay(unitMs));
      throw error;
    }
    await deployment.stage({ id: 's-2', name: 'WAIT_APPROVAL' }, () => delay(unitMs * 2));
    await deployment.stage({ id: 's-3', name: 'K8S_PRIMARY_ROLLOUT' }, () => delay(unitMs * 5));
  });
}

const { project, piped } = await readKeyFile(keyFile);
const pass = createClient({ keyFile });
const exporter = new OTLPTraceExporter({ url, credentials: pass.credentialsFor(url) });
await using tracing = createDeploymentTracing({ project, piped, version: '1.0.0', exporter });
const running: Promise<unknown>[] = [];
for (let index = 0; index < COUNT; index++) {
  running.push(deploy(tracing, index).catch(() => {}));
  await delay(1000);
}
await Promise.all(running);

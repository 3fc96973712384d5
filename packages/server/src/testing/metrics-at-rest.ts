import type { Metric, Registry } from 'prom-client';
import { createMetrics } from '../operations/metrics.ts';
import { createReloadMetrics } from '../operations/reload-metrics.ts';
import { createStateRegistry } from '../workers/worker-metrics.ts';

/** The metrics of an auth server to which nothing happens: for checks of what is built on their names and labels. */
export function metricsAtRest(): Registry {
  const { registry } = createMetrics({
    feedLagSeconds: () => 0,
    isReady: () => true,
    load: () => ({ waitingChecks: 0, rememberedDecisions: 0, queues: [] }),
    lookups: () => ({ running: 0, waiting: 0 }),
  });
  createReloadMetrics(registry, () => undefined);
  const workers = createStateRegistry([], new Map());
  for (const metric of workers.getMetricsAsArray()) registry.registerMetric(metric as unknown as Metric);
  return registry;
}

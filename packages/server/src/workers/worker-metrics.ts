import {
  AggregatorRegistry,
  Counter,
  Gauge,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client';
import type { WorkerState } from './worker-pool.ts';

/** What a registry says of itself, as JSON. */
export type MetricsOfWorker = readonly MetricObjectWithValues<MetricValue<string>>[];

/**
 * The metrics of all workers as if they were one process, and those of the workers themselves.
 *
 * Counters and histograms are sums, gauges as their registration says (`aggregator`: a sum by default). A sum that fell when a
 * worker ends would look like a restart of everything: so what an ended worker was last known to have counted stays in it.
 */
export class WorkerMetrics {
  readonly #states: () => readonly WorkerState[];
  readonly #latest = new Map<number, MetricsOfWorker>();
  #gone: MetricsOfWorker = [];

  constructor(states: () => readonly WorkerState[]) {
    this.#states = states;
  }

  /** Takes what a worker says; where it said nothing, its last word stays. */
  take(answers: readonly unknown[]): void {
    for (const [slot, metrics] of answers.entries()) {
      if (Array.isArray(metrics)) this.#latest.set(slot, metrics as MetricsOfWorker);
    }
  }

  /** A worker ended: what it counted is kept, what it was is not. */
  async gone(slot: number): Promise<void> {
    const last = this.#latest.get(slot);
    this.#latest.delete(slot);
    if (last === undefined) return;
    const counted = last.filter(({ type }) => isCounted(type));
    this.#gone = await AggregatorRegistry.aggregate([[...this.#gone], counted]).getMetricsAsJSON();
  }

  /** @param own what the one process has to say that has the workers */
  async text(own: Registry): Promise<string> {
    const states = createStateRegistry(this.#states(), this.#latest);
    const parts = [this.#gone, ...this.#latest.values(), await own.getMetricsAsJSON(), await states.getMetricsAsJSON()];
    return AggregatorRegistry.aggregate(parts.map(part => [...part])).metrics();
  }
}

function isCounted(type: unknown): boolean {
  // prom-client's declarations have numbers where it says words.
  return type === 'counter' || type === 'histogram';
}

/** Of each worker by itself: enough to see whether the load is spread, and who is in trouble. */
export function createStateRegistry(
  states: readonly WorkerState[],
  latest: ReadonlyMap<number, MetricsOfWorker>,
): Registry {
  const registry = new Registry();
  const common = { labelNames: ['worker'] as const, registers: [registry] };
  const up = new Gauge({ ...common, name: 'spanpass_worker_up', help: 'Whether the worker runs: 1 or 0.' });
  const restarts = new Counter({
    ...common,
    name: 'spanpass_worker_restarts_total',
    help: 'How often a worker that ended by itself was started again.',
  });
  const checks = new Counter({
    ...common,
    name: 'spanpass_worker_checks_total',
    help: 'Checks that the worker has answered since it was started: whether the load is spread.',
  });
  const cpu = new Counter({
    ...common,
    name: 'spanpass_worker_cpu_seconds_total',
    help: 'Processor time of the worker since it was started.',
  });
  const memory = new Gauge({
    ...common,
    name: 'spanpass_worker_resident_memory_bytes',
    help: 'Resident memory of the worker.',
  });
  for (const { slot, isUp, restarts: restarted } of states) {
    const worker = String(slot);
    up.set({ worker }, isUp ? 1 : 0);
    restarts.inc({ worker }, restarted);
    const metrics = latest.get(slot);
    if (metrics === undefined) continue;
    checks.inc({ worker }, sumOf(metrics, 'spanpass_check_decisions_total'));
    cpu.inc({ worker }, sumOf(metrics, 'process_cpu_seconds_total'));
    memory.set({ worker }, sumOf(metrics, 'process_resident_memory_bytes'));
  }
  return registry;
}

function sumOf(metrics: MetricsOfWorker, name: string): number {
  return metrics.find(metric => metric.name === name)?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
}

import { Counter, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { createMetrics } from '../operations/metrics.ts';
import { createReloadMetrics } from '../operations/reload-metrics.ts';
import { WorkerMetrics } from './worker-metrics.ts';

const decision = { protocol: 'ext_authz_grpc', authenticator: 'piped-jwt', durationSeconds: 0.0002 };

/** What a worker says that has decided so often. */
async function workerWith({ decisions = 0, lag = 0, ready = true, endsAt = 5 }) {
  const { registry, observer } = createMetrics({
    feedLagSeconds: () => lag,
    isReady: () => ready,
    load: () => ({ waitingChecks: 3, rememberedDecisions: 10, queues: [] }),
    lookups: () => ({ running: 1, waiting: 2 }),
  });
  createReloadMetrics(registry, () => endsAt);
  for (let at = 0; at < decisions; at++) observer.decided?.(decision);
  return registry.getMetricsAsJSON();
}

const state = (slot: number, restarts = 0) => ({ slot, pid: 100 + slot, isUp: true, restarts });
const lineOf = (text: string, name: string) => text.split('\n').filter(line => line.startsWith(name));

it('is the sum of what they count, and of the rest whatever is meant', async () => {
  const metrics = new WorkerMetrics(() => [state(0), state(1, 2)]);
  metrics.take([
    await workerWith({ decisions: 3, lag: 0.5, endsAt: 5 }),
    await workerWith({ decisions: 4, lag: 2, endsAt: 4, ready: false }),
  ]);
  const text = await metrics.text(new Registry());
  const found = (name: string) => lineOf(text, name).map(line => line.replace(/^.*(?<=[} ])(?=\S+$)/, ''));
  expect(found('spanpass_check_decisions_total')).toEqual(['7']);
  expect(found('spanpass_check_duration_seconds_count')).toEqual(['7']);
  expect(found('spanpass_check_duration_seconds_bucket{le="0.00025"}')).toEqual(['7']);
  expect(found('spanpass_key_feed_lag_seconds')).toEqual(['2']);
  expect(found('spanpass_auth_server_ready')).toEqual(['0']);
  expect(found('spanpass_checks_waiting')).toEqual(['6']);
  expect(found('spanpass_tls_certificate_expiry_timestamp_seconds{listener="checks"}')).toEqual(['4']);
  expect(lineOf(text, 'spanpass_worker_checks_total')).toEqual([
    'spanpass_worker_checks_total{worker="0"} 3',
    'spanpass_worker_checks_total{worker="1"} 4',
  ]);
  expect(lineOf(text, 'spanpass_worker_restarts_total{worker="1"}')).toEqual([
    'spanpass_worker_restarts_total{worker="1"} 2',
  ]);
});

it('keeps what an ended worker counted, so that no sum falls, and nothing else of it', async () => {
  const metrics = new WorkerMetrics(() => [state(0), state(1)]);
  metrics.take([await workerWith({ decisions: 3 }), await workerWith({ decisions: 4 })]);
  await metrics.gone(0);
  const without = await metrics.text(new Registry());
  expect(lineOf(without, 'spanpass_check_decisions_total')[0]).toMatch(/ 7$/);
  expect(lineOf(without, 'spanpass_check_duration_seconds_sum')[0]).toMatch(/ 0\.0014/);
  expect(lineOf(without, 'spanpass_checks_waiting')).toEqual(['spanpass_checks_waiting 3']);
  metrics.take([await workerWith({ decisions: 1 }), undefined]);
  await metrics.gone(1);
  await metrics.gone(1);
  const text = await metrics.text(new Registry());
  expect(lineOf(text, 'spanpass_check_decisions_total')[0]).toMatch(/ 8$/);
});

it('says too what the one says who has them', async () => {
  const own = new Registry();
  new Counter({ name: 'own_total', help: 'Own.', registers: [own] }).inc(2);
  expect(await new WorkerMetrics(() => []).text(own)).toContain('own_total 2');
});

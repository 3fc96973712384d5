import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Observer } from '../observer.ts';

/** What the gauges show when they are asked. */
export interface MetricSources {
  /** Seconds since nothing was known to be missing from the change feed. */
  feedLagSeconds(): number;
  isReady(): boolean;
}

/** The auth server's metrics, in a registry of their own, and the observer that feeds them. */
export function createMetrics({ feedLagSeconds, isReady }: MetricSources): { registry: Registry; observer: Observer } {
  const registry = new Registry();
  const registers = [registry];
  const decisions = new Counter({
    name: 'spanpass_check_decisions_total',
    help: 'Checks by what they came to. reason is empty for those that were allowed.',
    labelNames: ['outcome', 'reason', 'protocol', 'authenticator'] as const,
    registers,
  });
  const cacheRequests = new Counter({
    name: 'spanpass_decision_cache_requests_total',
    help: 'Checks by whether a verified decision at hand still held.',
    labelNames: ['result'] as const,
    registers,
  });
  const lookups = new Counter({
    name: 'spanpass_key_lookups_total',
    help: 'Keys that were not at hand, by what the control plane said, or why it was not asked.',
    labelNames: ['result'] as const,
    registers,
  });
  const revocationLag = new Histogram({
    name: 'spanpass_revocation_lag_seconds',
    help: 'Time from the write of a revocation or a disable at the control plane until this server applied it.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900],
    registers,
  });
  new Gauge({
    name: 'spanpass_key_feed_lag_seconds',
    help: 'Time since the change feed of the control plane was last known to be complete.',
    registers,
    collect() {
      this.set(feedLagSeconds());
    },
  });
  new Gauge({
    name: 'spanpass_auth_server_ready',
    help: 'Whether checks can be decided: 1 or 0.',
    registers,
    collect() {
      this.set(isReady() ? 1 : 0);
    },
  });
  collectDefaultMetrics({ register: registry });
  const observer: Observer = {
    decided({ protocol, authenticator = '', refused }) {
      const outcome = refused?.refusal.outcome ?? 'allowed';
      decisions.inc({ outcome, reason: refused?.code ?? '', protocol, authenticator });
    },
    decisionCache: result => cacheRequests.inc({ result }),
    keyLookup: result => lookups.inc({ result }),
    revocationApplied: lagSeconds => revocationLag.observe(lagSeconds),
  };
  return { registry, observer };
}

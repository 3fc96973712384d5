import { Counter, collectDefaultMetrics, Gauge, Histogram, type LabelValues, Registry } from 'prom-client';
import type { CheckingServer, QueueDepth } from '../create-server.ts';
import type { Observer } from '../observer.ts';
import type { AuthenticationError } from '../refusals.ts';
import { QuickCounter, QuickHistogram } from './quick-metrics.ts';

/** What the gauges show when they are asked. */
export interface MetricSources {
  /** Seconds since nothing was known to be missing from the change feed. */
  feedLagSeconds(): number;
  isReady(): boolean;
  /** How busy the server is that decides now. */
  load(): Load;
  /** Lookups at the control plane. */
  lookups(): Depth;
}

type Load = Omit<CheckingServer, 'authenticate'>;
type Depth = Omit<QueueDepth, 'authenticator'>;

/** The auth server's metrics, in a registry of their own, and the observer that feeds them. */
export function createMetrics(sources: MetricSources): { registry: Registry; observer: Observer } {
  const registry = new Registry();
  const registers = [registry];
  const decisions = new QuickCounter({
    name: 'spanpass_check_decisions_total',
    help: 'Checks by what they came to. reason is empty where it was allowed, authenticator where none of them decided.',
    labelNames: ['outcome', 'reason', 'protocol', 'authenticator'] as const,
    registers,
  });
  const cacheRequests = new QuickCounter({
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
  const durations = new QuickHistogram(registry, {
    name: 'spanpass_check_duration_seconds',
    help: 'Time from the question to its answer. A decision at hand takes microseconds, a key lookup milliseconds.',
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  });
  const signatures = new QuickCounter({
    name: 'spanpass_signature_verifications_total',
    help: 'Signatures that were looked at, by authenticator and by whether they held.',
    labelNames: ['authenticator', 'result'] as const,
    registers,
  });
  const shadows = new Counter({
    name: 'spanpass_shadow_decisions_total',
    help: 'Requests on which a rule was tried beside the deciding ones, by how the two compare.',
    labelNames: ['rule', 'agreement'] as const,
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
    aggregator: 'max',
    collect() {
      this.set(sources.feedLagSeconds());
    },
  });
  new Gauge({
    name: 'spanpass_auth_server_ready',
    help: 'Whether checks can be decided: 1 or 0.',
    registers,
    aggregator: 'min',
    collect() {
      this.set(sources.isReady() ? 1 : 0);
    },
  });
  addDepths(registry, sources);
  collectDefaultMetrics({ register: registry });
  const cache = { hit: cacheRequests.countFor({ result: 'hit' }), miss: cacheRequests.countFor({ result: 'miss' }) };
  const countOf = decisionCounts(decisions);
  const countOfSignature = signatureCounts(signatures);
  const observer: Observer = {
    decided({ protocol, authenticator = '', refused, durationSeconds }) {
      countOf(protocol, authenticator, refused).count++;
      if (durationSeconds !== undefined) durations.observe(durationSeconds);
    },
    decisionCache: result => {
      cache[result].count++;
    },
    keyLookup: result => lookups.inc({ result }),
    shadow: ({ rule, agreement }) => shadows.inc({ rule, agreement }),
    signature: (authenticator, result) => {
      countOfSignature(authenticator, result).count++;
    },
    revocationApplied: lagSeconds => revocationLag.observe(lagSeconds),
  };
  return { registry, observer };
}

/** Finds the count of a decision by what tells it from others; there are as many as combinations that occurred. */
function decisionCounts(decisions: QuickCounter<'outcome' | 'reason' | 'protocol' | 'authenticator'>) {
  const known = new Map<string, Map<string, Map<string, { count: number }>>>();
  return (protocol: string, authenticator: string, refused: AuthenticationError | undefined) => {
    const reason = refused?.code ?? '';
    let count = known.get(protocol)?.get(authenticator)?.get(reason);
    if (count === undefined) {
      count = decisions.countFor({ outcome: refused?.refusal.outcome ?? 'allowed', reason, protocol, authenticator });
      const ofProtocol = known.get(protocol) ?? new Map<string, Map<string, { count: number }>>();
      const ofAuthenticator = ofProtocol.get(authenticator) ?? new Map<string, { count: number }>();
      known.set(protocol, ofProtocol.set(authenticator, ofAuthenticator.set(reason, count)));
    }
    return count;
  };
}

function signatureCounts(signatures: QuickCounter<'authenticator' | 'result'>) {
  const known = { valid: new Map<string, { count: number }>(), invalid: new Map<string, { count: number }>() };
  return (authenticator: string, result: 'valid' | 'invalid') => {
    let count = known[result].get(authenticator);
    if (count === undefined) {
      count = signatures.countFor({ authenticator, result });
      known[result].set(authenticator, count);
    }
    return count;
  };
}

/** What is under way and what waits, as gauges that are read when they are asked for. */
function addDepths(registry: Registry, sources: MetricSources): void {
  const registers = [registry];
  new Gauge({
    name: 'spanpass_checks_waiting',
    help: 'Checks that wait for an authenticator.',
    registers,
    collect() {
      this.set(sources.load().waitingChecks);
    },
  });
  new Gauge({
    name: 'spanpass_decision_cache_entries',
    help: 'Verified decisions at hand.',
    registers,
    collect() {
      this.set(sources.load().rememberedDecisions);
    },
  });
  new Gauge({
    name: 'spanpass_key_lookups_pending',
    help: 'Keys that the control plane is being asked for (running), and that wait for their turn (waiting).',
    labelNames: ['state'] as const,
    registers,
    collect() {
      setDepth(this, {}, sources.lookups());
    },
  });
  new Gauge({
    name: 'spanpass_authenticator_queue_depth',
    help: 'Slow work of an authenticator, such as comparing keys with bcrypt: under way (running), or before its turn (waiting).',
    labelNames: ['authenticator', 'state'] as const,
    registers,
    collect() {
      this.reset();
      for (const { authenticator, ...depth } of sources.load().queues) setDepth(this, { authenticator }, depth);
    },
  });
}

function setDepth<T extends string>(gauge: Gauge<T | 'state'>, labels: object, { running, waiting }: Depth): void {
  gauge.set({ ...labels, state: 'running' } as LabelValues<T | 'state'>, running);
  gauge.set({ ...labels, state: 'waiting' } as LabelValues<T | 'state'>, waiting);
}

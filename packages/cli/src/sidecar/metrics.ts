import { SIGNAL_KINDS, type Spool, type SpoolSender } from '@spanpass/tracing/durable';
import { Counter, Gauge, Registry } from 'prom-client';
import type { Outcome } from '../receiver/outcome.ts';

export interface SidecarMetrics {
  readonly text: () => Promise<string>;
  observe(protocol: 'grpc' | 'http', signal: string, outcome: Outcome): void;
}

/** How much came in, waits, and went out: in Prometheus' format. */
export function createSidecarMetrics(spool: Spool, sender: SpoolSender): SidecarMetrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: 'spanpass_forward_requests_total',
    help: 'Export requests of local senders, by what became of them (gRPC status code).',
    labelNames: ['protocol', 'signal', 'code'] as const,
    registers,
  });
  new Gauge({
    name: 'spanpass_forward_pending_items',
    help: 'Spans, data points, log records and profiles that are in the spool and not yet at the gateway.',
    labelNames: ['signal'] as const,
    registers,
    collect() {
      for (const signal of SIGNAL_KINDS) this.set({ signal }, spool.pending(signal).items);
    },
  });
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name: `spanpass_forward_${name}`,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge('spool_bytes', 'What the spool takes on disk.', () => spool.stats().diskBytes);
  gauge(
    'oldest_age_seconds',
    'How long the oldest request in the spool has waited.',
    () => spool.stats().oldestAgeMs / 1000,
  );
  gauge('sent_items', 'Items that the gateway took since the start.', () => sender.stats().sent.items);
  gauge('send_failures', 'Attempts since the start that did not get through.', () => sender.stats().failures);
  gauge(
    'dead_letter_items',
    'Items that the gateway refused for good since the start.',
    () => sender.stats().deadLetters,
  );
  new Gauge({
    name: 'spanpass_forward_dropped_items',
    help: 'Items that were not stored, or given up, since the start, by reason. Who sent them was told of the former.',
    labelNames: ['reason'] as const,
    registers,
    collect() {
      for (const [reason, items] of Object.entries(spool.stats().dropped)) this.set({ reason }, items);
    },
  });
  return {
    text: () => registry.metrics(),
    observe: (protocol, signal, outcome) => {
      requests.inc({ protocol, signal, code: outcome.kind === 'accepted' ? 0 : outcome.code });
    },
  };
}

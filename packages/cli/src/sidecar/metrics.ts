import { SIGNAL_KINDS, type Spool, type SpoolSender } from '@spanpass/tracing/durable';
import { Counter, Gauge, Registry } from 'prom-client';
import type { Outcome } from '../receiver/outcome.ts';

export interface SidecarMetrics {
  readonly registry: Registry;
  readonly text: () => Promise<string>;
  observe(protocol: 'grpc' | 'http', signal: string, outcome: Outcome): void;
}

const PREFIX = 'spanpass_forward_';

/** How much came in, waits, and went out: in Prometheus' format. */
export function createSidecarMetrics(
  spool: Pick<Spool, 'pending' | 'stats'>,
  sender: Pick<SpoolSender, 'stats'>,
): SidecarMetrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: `${PREFIX}requests_total`,
    help: 'Export requests of local senders, by what became of them.',
    labelNames: ['protocol', 'signal', 'code'] as const,
    registers,
  });
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name: PREFIX + name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  /** One that the spool or the sender keeps. */
  const counter = (name: string, help: string, value: () => number) =>
    new Counter({
      name: PREFIX + name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  new Gauge({
    name: `${PREFIX}items_pending`,
    help: 'Spans, data points, log records and profiles that are in the spool and not yet at the gateway.',
    labelNames: ['signal'] as const,
    registers,
    collect() {
      for (const signal of SIGNAL_KINDS) this.set({ signal }, spool.pending(signal).items);
    },
  });
  gauge('spool_bytes', 'What the spool takes on disk.', () => spool.stats().diskBytes);
  gauge(
    'oldest_age_seconds',
    'How long the oldest request in the spool has waited.',
    () => spool.stats().oldestAgeMs / 1000,
  );
  counter('items_sent_total', 'Items that the gateway took.', () => sender.stats().sent.items);
  counter('send_failures_total', 'Attempts to send that did not get through.', () => sender.stats().failures);
  counter('dead_letters_total', 'Items that the gateway refused for good.', () => sender.stats().deadLetters);
  new Counter({
    name: `${PREFIX}items_dropped_total`,
    help: 'Items that were not stored, of which their senders were told, or that were given up.',
    labelNames: ['reason'] as const,
    registers,
    collect() {
      this.reset();
      for (const [reason, items] of Object.entries(spool.stats().dropped)) this.inc({ reason }, items);
    },
  });
  return {
    registry,
    text: () => registry.metrics(),
    observe: (protocol, signal, outcome) => {
      requests.inc({ protocol, signal, code: outcome.kind === 'accepted' ? 0 : outcome.code });
    },
  };
}

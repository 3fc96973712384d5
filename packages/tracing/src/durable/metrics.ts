import type { Attributes, Meter, ObservableResult } from '@opentelemetry/api';
import type { SenderStats } from './sender/sender-stats.ts';
import type { SpoolStats } from './spool/spool-stats.ts';

type Stats = SpoolStats & SenderStats;

interface Instrument {
  readonly kind: 'counter' | 'gauge';
  readonly unit: string;
  readonly description: string;
  /** Values, each with its attributes, if it has any. */
  readonly values: (stats: Stats) => readonly (readonly [value: number, attributes?: Attributes])[];
}

const counter = (unit: string, description: string, values: Instrument['values']): Instrument => ({
  kind: 'counter',
  unit,
  description,
  values,
});
const gauge = (unit: string, description: string, value: (stats: Stats) => number): Instrument => ({
  kind: 'gauge',
  unit,
  description,
  values: stats => [[value(stats)]],
});

/** Counts are since the start. */
const INSTRUMENTS: Readonly<Record<string, Instrument>> = Object.freeze({
  'spanpass.spool.appended': counter('{span}', 'Spans that were stored', s => [[s.appended.items]]),
  'spanpass.spool.sent': counter('{span}', 'Spans that the gateway took', s => [[s.sent.items]]),
  'spanpass.spool.dropped': counter('{span}', 'Spans that were not stored, or given up', s =>
    Object.entries(s.dropped).map(([reason, items]) => [items, { reason }]),
  ),
  'spanpass.spool.dead_letters': counter('{span}', 'Spans that the gateway refused for good', s => [[s.deadLetters]]),
  'spanpass.spool.send_failures': counter('{request}', 'Attempts to send that did not get through', s => [
    [s.failures],
  ]),
  'spanpass.spool.fsyncs': counter('{fsync}', 'Waits for the disk', s => [[s.fsyncs]]),
  'spanpass.spool.pending': gauge('{span}', 'Spans that are stored and not yet at the gateway', s => s.pending.items),
  'spanpass.spool.size': gauge('By', 'What the spool takes on disk', s => s.diskBytes),
  'spanpass.spool.oldest_age': gauge('s', 'How long the oldest stored span has waited', s => s.oldestAgeMs / 1000),
});

/** Tells a meter how the spool and its sender are doing, whenever it asks. The answer ends that. */
export function observeWith(meter: Meter, stats: () => Stats): () => void {
  const removals = Object.entries(INSTRUMENTS).map(([name, { kind, values, ...options }]) => {
    const instrument =
      kind === 'counter' ? meter.createObservableCounter(name, options) : meter.createObservableGauge(name, options);
    const callback = (result: ObservableResult) => {
      for (const [value, attributes] of values(stats())) result.observe(value, attributes);
    };
    instrument.addCallback(callback);
    return () => instrument.removeCallback(callback);
  });
  return () => {
    for (const remove of removals) remove();
  };
}

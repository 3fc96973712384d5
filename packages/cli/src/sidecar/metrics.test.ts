import type { SenderStats, SignalKind, SpoolStats } from '@spanpass/tracing/durable';
import { expect, it } from 'vitest';
import { createSidecarMetrics } from './metrics.ts';

/** Every number is another one, so that none can be told in the place of another. */
const spool: SpoolStats = {
  pending: { records: 1, items: 2, bytes: 3 },
  diskBytes: 4,
  oldestAgeMs: 5500,
  appended: { records: 6, items: 7, bytes: 8 },
  dropped: { full: 9, too_large: 10 },
  fsyncs: 11,
  fsyncFailures: 12,
};
const sender: SenderStats = {
  sent: { records: 13, items: 14, bytes: 15 },
  requests: 16,
  failures: 17,
  rejectedByReceiver: 18,
  deadLetters: 19,
};

it('tells of the spool and its sender what they say themselves, each time anew', async () => {
  const pending = (signal: SignalKind) => ({ records: 20, items: signal.length, bytes: 21 });
  const metrics = createSidecarMetrics({ pending, stats: () => spool }, { stats: () => sender });
  const told = async () => (await metrics.text()).split('\n').filter(line => /^[^#]/.test(line));
  const expected = [
    ...['traces', 'metrics', 'logs', 'profiles'].map(
      signal => `spanpass_forward_items_pending{signal="${signal}"} ${signal.length}`,
    ),
    'spanpass_forward_spool_bytes 4',
    'spanpass_forward_oldest_age_seconds 5.5',
    'spanpass_forward_items_sent_total 14',
    'spanpass_forward_send_failures_total 17',
    'spanpass_forward_dead_letters_total 19',
    'spanpass_forward_items_dropped_total{reason="full"} 9',
    'spanpass_forward_items_dropped_total{reason="too_large"} 10',
  ];
  expect((await told()).sort()).toEqual(expected.toSorted());
  expect((await told()).sort()).toEqual(expected.toSorted());
});

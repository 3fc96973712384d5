import { Counter, Gauge, type Registry } from 'prom-client';

/** What can change while the server runs. */
export type ReloadPart = 'settings' | 'tls' | 'metrics_tls';
export type ReloadResult = 'applied' | 'refused';

export interface ReloadMetrics {
  reloaded(part: ReloadPart, result: ReloadResult): void;
}

/** @param expiresAt when the certificate of a listener ends, in seconds; nothing for clear text */
export function createReloadMetrics(
  registry: Registry,
  expiresAt: (listener: 'checks' | 'metrics') => number | undefined,
): ReloadMetrics {
  const registers = [registry];
  const reloads = new Counter({
    name: 'spanpass_config_reloads_total',
    help: 'Changes of settings and certificates while the server ran. What was refused left the old ones in use.',
    labelNames: ['part', 'result'] as const,
    registers,
  });
  for (const result of ['applied', 'refused']) reloads.inc({ part: 'settings', result }, 0);
  new Gauge({
    name: 'spanpass_tls_certificate_expiry_timestamp_seconds',
    help: 'When the certificate in use ends, in seconds since 1970.',
    labelNames: ['listener'] as const,
    registers,
    aggregator: 'min',
    collect() {
      for (const listener of ['checks', 'metrics'] as const) {
        const ends = expiresAt(listener);
        if (ends !== undefined) this.set({ listener }, ends);
      }
    },
  });
  return { reloaded: (part, result) => reloads.inc({ part, result }) };
}

import { Counter, Gauge, Registry } from 'prom-client';
import type { Outcome } from '../receiver/outcome.ts';
import type { Export } from '../receiver/pipeline.ts';
import type { TraceStore } from '../receiver/trace-store.ts';

/** One part of what runs, as its operator sees it. */
export interface OpsSource {
  readonly name: string;
  isReady(): boolean | Promise<boolean>;
  /** In Prometheus' text format. */
  metrics(): string | Promise<string>;
}

/** A part that serves `/readyz` and `/metrics` by itself. */
export function servedSource(name: string, baseUrl: string, timeoutMs = 2_000): OpsSource {
  const get = (path: string) => fetch(`${baseUrl}${path}`, { signal: AbortSignal.timeout(timeoutMs) });
  return {
    name,
    async isReady() {
      return (await get('/readyz').catch(() => undefined))?.ok === true;
    },
    async metrics() {
      const response = await get('/metrics').catch(() => undefined);
      return response?.ok ? response.text() : '';
    },
  };
}

/** The built-in receiver: counts outcomes, and shows how much is kept. */
export function receiverSource(traces: TraceStore, isReady: () => boolean) {
  const registry = new Registry();
  const registers = [registry];
  const exports = new Counter({
    name: 'spanpass_receiver_exports_total',
    help: 'Exports that the built-in receiver took from identified senders, by what became of them (gRPC status code).',
    labelNames: ['signal', 'encoding', 'code'] as const,
    registers,
  });
  new Gauge({
    name: 'spanpass_receiver_kept_traces',
    help: 'Traces in memory.',
    registers,
    collect() {
      this.set(traces.size);
    },
  });
  new Gauge({
    name: 'spanpass_receiver_kept_bytes',
    help: 'Encoded size of the spans in memory.',
    registers,
    collect() {
      this.set(traces.bytes);
    },
  });
  const source: OpsSource = { name: 'gateway', isReady, metrics: () => registry.metrics() };
  const observe = ({ signal, encoding }: Export, outcome: Outcome) => {
    exports.inc({ signal, encoding, code: outcome.kind === 'accepted' ? 0 : outcome.code });
  };
  return { source, observe };
}

/**
 * Puts texts in Prometheus' format into one. A family may stand there once only; parts of one process show that
 * process's families alike, so the first is as good as any.
 */
export function mergeMetrics(texts: readonly string[]): string {
  const families = new Map<string, string>();
  for (const family of texts.flatMap(text => text.split(/^(?=# HELP )/m))) {
    const name = /^# HELP (\S+)/.exec(family)?.[1];
    if (name !== undefined && !families.has(name)) families.set(name, `${family.trimEnd()}\n`);
  }
  return [...families.values()].join('\n');
}

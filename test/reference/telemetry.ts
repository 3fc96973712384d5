import { type Attributes, createNoopMeter, type Meter, type ObservableCallback } from '@opentelemetry/api';
import { createDeploymentTracing } from '@spanpass/tracing';
import { createDurableExport } from '@spanpass/tracing/durable';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';

/** An instrument that a piped's own meter gets, as it was made and used. */
export interface Instrument {
  readonly name: string;
  readonly kind: string;
  readonly unit: string;
  readonly description: string;
  readonly attributes: readonly string[];
}

/** What `meter` is told by a deployment that failed, and by a spool that dropped a span. */
export async function instruments(): Promise<readonly Instrument[]> {
  const stage = new Stage();
  const { meter, found, ask } = recordingMeter();
  try {
    const durable = createDurableExport({
      endpoint: 'http://127.0.0.1:1',
      spool: { folder: await tempDir(stage, 'instruments') },
      shutdownTimeoutMs: 1,
      env: {},
      log: { info() {}, warn() {}, error() {} },
      meter,
    });
    const tracing = createDeploymentTracing({
      project: 'shop',
      piped: 'edge-1',
      version: '1.0.0',
      spanProcessors: [durable.spanProcessor],
      meter,
    });
    const fail = () => Promise.reject(new Error('it failed'));
    const deployment = tracing.start({ id: 'd-1', application: { id: 'app-1', kind: 'KUBERNETES' } });
    await deployment.run(() => deployment.stage({ id: 's-1', name: 'K8S_SYNC' }, fail)).catch(() => {});
    durable.spool.countDrop('too_large', 'traces', 1);
    ask();
    await tracing.shutdown();
  } finally {
    await stage.dispose();
  }
  return found();
}

function recordingMeter() {
  const made = new Map<string, Omit<Instrument, 'attributes'>>();
  const attributesOf = new Map<string, Set<string>>();
  const callbacks: (() => void)[] = [];
  const used = (name: string, attributes: Attributes = {}) => {
    for (const key of Object.keys(attributes)) attributesOf.get(name)?.add(key);
  };
  const maker = (kind: string) => (name: string, options: { unit?: string; description?: string }) => {
    made.set(name, { name, kind, unit: options.unit ?? '', description: options.description ?? '' });
    attributesOf.set(name, new Set());
    return {
      record: (_value: number, attributes?: Attributes) => used(name, attributes),
      addCallback: (callback: ObservableCallback) =>
        callbacks.push(() => void callback({ observe: (_value, attributes) => used(name, attributes) })),
      removeCallback() {},
    };
  };
  const meter: Meter = Object.assign(createNoopMeter(), {
    createHistogram: maker('histogram'),
    createObservableCounter: maker('counter'),
    createObservableGauge: maker('gauge'),
  });
  return {
    meter,
    ask: () => {
      for (const callback of callbacks) callback();
    },
    found: () => [...made.values()].map(one => ({ ...one, attributes: [...(attributesOf.get(one.name) ?? [])] })),
  };
}

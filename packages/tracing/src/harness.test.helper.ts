import type { Attributes } from '@opentelemetry/api';
import { type ReadableSpan, SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { DeploymentInfo, DeploymentTracing, DeploymentTracingOptions } from './api.ts';
import { createDeploymentTracing } from './tracing.ts';

export const IDENTITY = { project: 'shop', piped: 'edge-1', version: '1.2.3' } as const;
export const T0 = Date.UTC(2030, 0, 1);

/** Keeps what it is given, also after its shutdown, which the SDK's in-memory exporter does not. */
export class RecordingExporter implements SpanExporter {
  readonly spans: ReadableSpan[] = [];
  closed = false;

  readonly export: SpanExporter['export'] = (spans, done) => {
    this.spans.push(...spans);
    done({ code: 0 });
  };

  async shutdown(): Promise<void> {
    this.closed = true;
  }

  named(name: string): ReadableSpan {
    const found = this.spans.filter(span => span.name === name);
    if (found.length !== 1 || !found[0]) throw new Error(`${found.length} spans are named ${name}`);
    return found[0];
  }

  attributesOf(name: string): Attributes {
    return this.named(name).attributes;
  }
}

export interface Harness {
  readonly tracing: DeploymentTracing;
  readonly exporter: RecordingExporter;
  readonly clock: { nowMs: number };
}

/** A tracing on a clock that stands still unless a test moves it. */
export function harness(options: Partial<DeploymentTracingOptions> = {}): Harness {
  const exporter = new RecordingExporter();
  const clock = { nowMs: T0 };
  const tracing = createDeploymentTracing({
    ...IDENTITY,
    spanProcessors: [new SimpleSpanProcessor(exporter)],
    now: () => clock.nowMs,
    ...options,
  });
  return { tracing, exporter, clock };
}

export function deploymentInfo(more: Partial<DeploymentInfo> = {}): DeploymentInfo {
  return { id: 'd-1', application: { id: 'app-1', kind: 'KUBERNETES' }, ...more };
}

export function epochMs([seconds, nanos]: readonly [number, number]): number {
  return seconds * 1000 + nanos / 1e6;
}

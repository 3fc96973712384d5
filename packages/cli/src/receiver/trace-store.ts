import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type KeyValue,
  type Resource,
  type ResourceSpans,
  ResourceSpansSchema,
  ScopeSpansSchema,
  type Span,
} from '../generated/otlp_pb.ts';
import type { Batch } from './batch.ts';
import type { Identity } from './stamp.ts';

export interface TraceStoreLimits {
  /** Most bytes of encoded spans that are kept. Default 32 MiB. */
  readonly maxBytes?: number;
  /** Most traces that are kept. Default 1000. */
  readonly maxTraces?: number;
}

export interface StoredSpan {
  readonly span: Span;
  readonly resource: Resource | undefined;
}

/** A trace as one project sent it: ids can be guessed, so what two projects call by one id stays apart. */
export interface StoredTrace {
  /** Lower-case hex. */
  readonly traceId: string;
  readonly project: string;
  /** In the order of their start. */
  readonly spans: readonly StoredSpan[];
}

interface Kept {
  readonly traceId: string;
  readonly project: string;
  readonly services: Set<string>;
  readonly chunks: Uint8Array[];
  bytes: number;
}

/** Traces in bounded memory: over the limits the oldest trace goes first. Spans are kept encoded, so that bytes count. */
export class TraceStore {
  readonly #maxBytes: number;
  readonly #maxTraces: number;
  /** In the order in which traces were first seen. */
  readonly #traces = new Map<string, Kept>();
  #bytes = 0;

  /** @throws TypeError if a limit is not a whole number of at least 1 */
  constructor({ maxBytes = 32 * 1024 * 1024, maxTraces = 1000 }: TraceStoreLimits = {}) {
    if (!Number.isInteger(maxBytes) || maxBytes < 1)
      throw new TypeError('maxBytes must be a whole number of at least 1');
    if (!Number.isInteger(maxTraces) || maxTraces < 1) {
      throw new TypeError('maxTraces must be a whole number of at least 1');
    }
    this.#maxBytes = maxBytes;
    this.#maxTraces = maxTraces;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#traces.size;
  }

  /** Keeps the spans of a batch that has been stamped with `identity`. */
  add(batch: Batch, { project }: Identity): void {
    for (const resourceSpans of batch.traces?.resourceSpans ?? []) {
      for (const [traceId, part] of byTrace(resourceSpans)) this.#keep(project, traceId, part);
    }
  }

  /** What each project (or only `project`) sent under this trace id. */
  get(traceId: string, project?: string): StoredTrace[] {
    const wanted = traceId.toLowerCase();
    return [...this.#traces.values()]
      .filter(kept => kept.traceId === wanted && (project === undefined || kept.project === project))
      .map(readTrace);
  }

  /** The newest traces, the newest first. */
  list({ service, project, limit = 20 }: { service?: string; project?: string; limit?: number } = {}): StoredTrace[] {
    return [...this.#traces.values()]
      .filter(kept => project === undefined || kept.project === project)
      .filter(kept => service === undefined || kept.services.has(service))
      .slice(-Math.max(1, limit))
      .reverse()
      .map(readTrace);
  }

  services(): string[] {
    return [...new Set([...this.#traces.values()].flatMap(kept => [...kept.services]))].sort();
  }

  #keep(project: string, traceId: string, part: ResourceSpans): void {
    const id = `${project}/${traceId}`;
    const kept = this.#traces.get(id) ?? { traceId, project, services: new Set(), chunks: [], bytes: 0 };
    this.#traces.set(id, kept);
    const chunk = toBinary(ResourceSpansSchema, part);
    kept.chunks.push(chunk);
    kept.bytes += chunk.length;
    this.#bytes += chunk.length;
    kept.services.add(attributeText(part.resource?.attributes, 'service.name') ?? 'unknown_service');
    this.#evict(id, kept);
  }

  #evict(newestId: string, newest: Kept): void {
    while (this.#bytes > this.#maxBytes || this.#traces.size > this.#maxTraces) {
      const oldest = [...this.#traces.keys()].find(id => id !== newestId);
      if (oldest !== undefined) {
        this.#bytes -= this.#traces.get(oldest)?.bytes ?? 0;
        this.#traces.delete(oldest);
        continue;
      }
      const dropped = newest.chunks.shift();
      if (dropped === undefined) return;
      newest.bytes -= dropped.length;
      this.#bytes -= dropped.length;
      if (newest.chunks.length === 0) this.#traces.delete(newestId);
    }
  }
}

/** The text of a string attribute. */
export function attributeText(attributes: readonly KeyValue[] | undefined, key: string): string | undefined {
  const value = attributes?.find(attribute => attribute.key === key)?.value?.value;
  return value?.case === 'stringValue' ? value.value : undefined;
}

function byTrace({ resource, scopeSpans }: ResourceSpans): Map<string, ResourceSpans> {
  const parts = new Map<string, ResourceSpans>();
  for (const { scope, spans } of scopeSpans) {
    const ofScope = new Map<string, Span[]>();
    for (const span of spans) {
      const traceId = Buffer.from(span.traceId).toString('hex');
      const list = ofScope.get(traceId);
      if (list) list.push(span);
      else ofScope.set(traceId, [span]);
    }
    for (const [traceId, own] of ofScope) {
      const part = parts.get(traceId) ?? create(ResourceSpansSchema, resource && { resource });
      part.scopeSpans.push(create(ScopeSpansSchema, { ...(scope && { scope }), spans: own }));
      parts.set(traceId, part);
    }
  }
  return parts;
}

function readTrace({ traceId, project, chunks }: Kept): StoredTrace {
  const spans = chunks.flatMap(chunk => {
    const { resource, scopeSpans } = fromBinary(ResourceSpansSchema, chunk);
    return scopeSpans.flatMap(scope => scope.spans).map(span => ({ span, resource }));
  });
  spans.sort((a, b) => Number(a.span.startTimeUnixNano - b.span.startTimeUnixNano));
  return { traceId, project, spans };
}

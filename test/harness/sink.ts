import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import type { Stage } from './stage.ts';
import { waitFor } from './wait.ts';

/** As on the wire: a list, so that an attribute that came twice is there twice. */
export type Attributes = readonly (readonly [key: string, value: unknown])[];

export interface SinkSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly attributes: Attributes;
  readonly resource: Attributes;
  /** Wall clock, milliseconds since 1970. */
  readonly arrivedAtMs: number;
}

export interface Sink {
  /** While true it answers 503 and keeps nothing. */
  unavailable: boolean;
  /** The base URL for an OTLP/HTTP exporter with encoding `json`. */
  readonly url: string;
  spans(): readonly SinkSpan[];
  /** Waits until a span of that name has come. */
  span(name: string): Promise<SinkSpan>;
  /** Log records by the text of their body, and metrics by their name, as often as they came, with their resource. */
  others(): readonly SinkItem[];
  /** Headers of all requests so far. */
  requestHeaders(): readonly NodeJS.Dict<string | string[]>[];
}

export interface SinkItem {
  readonly signal: 'metrics' | 'logs';
  readonly name: string;
  readonly resource: Attributes;
}

interface WireAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface WireTraces {
  readonly resourceSpans: readonly {
    readonly resource?: { readonly attributes?: readonly WireAttribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly name: string;
        readonly traceId: string;
        readonly spanId: string;
        readonly parentSpanId?: string;
        readonly attributes?: readonly WireAttribute[];
      }[];
    }[];
  }[];
}

/** The backend at the end of the way: an OTLP/HTTP server that keeps what the Collector sends it. */
export async function startSink(stage: Stage): Promise<Sink> {
  const spans: SinkSpan[] = [];
  const others: SinkItem[] = [];
  const headers: NodeJS.Dict<string | string[]>[] = [];
  const state = { unavailable: false };
  const server = createServer(async (request, response) => {
    if (state.unavailable) {
      request.resume();
      response.writeHead(503).end();
      return;
    }
    headers.push(request.headers);
    const body = await buffer(request);
    const json = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    if (request.url === '/v1/traces') spans.push(...spansOf(json.toString('utf8')));
    else others.push(...flattenOthers(JSON.parse(json.toString('utf8')) as WireOthers));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stage.defer(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: () => spans,
    span: name => waitFor(`span '${name}' at the sink`, () => spans.find(span => span.name === name)),
    others: () => others,
    requestHeaders: () => headers,
    get unavailable() {
      return state.unavailable;
    },
    set unavailable(value) {
      state.unavailable = value;
    },
  };
}

/** The spans of one request in JSON, arriving now. */
export function spansOf(body: string): SinkSpan[] {
  return flatten(JSON.parse(body) as WireTraces);
}

function flatten(traces: WireTraces): SinkSpan[] {
  const arrivedAtMs = Date.now();
  return traces.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(scope =>
      scope.spans.map(span => ({
        name: span.name,
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? '',
        attributes: pairs(span.attributes),
        resource: pairs(resource?.attributes),
        arrivedAtMs,
      })),
    ),
  );
}

interface WireOthers {
  readonly resourceMetrics?: readonly {
    readonly resource?: { readonly attributes?: readonly WireAttribute[] };
    readonly scopeMetrics: readonly { readonly metrics: readonly { readonly name: string }[] }[];
  }[];
  readonly resourceLogs?: readonly {
    readonly resource?: { readonly attributes?: readonly WireAttribute[] };
    readonly scopeLogs: readonly {
      readonly logRecords: readonly { readonly body?: { readonly stringValue?: string } }[];
    }[];
  }[];
}

function flattenOthers({ resourceMetrics = [], resourceLogs = [] }: WireOthers): SinkItem[] {
  const metrics = resourceMetrics.flatMap(({ resource, scopeMetrics }) =>
    scopeMetrics.flatMap(scope =>
      scope.metrics.map(({ name }): SinkItem => ({ signal: 'metrics', name, resource: pairs(resource?.attributes) })),
    ),
  );
  const logs = resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(scope =>
      scope.logRecords.map(
        ({ body }): SinkItem => ({
          signal: 'logs',
          name: body?.stringValue ?? '',
          resource: pairs(resource?.attributes),
        }),
      ),
    ),
  );
  return [...metrics, ...logs];
}

/** `{stringValue: 'x'}` becomes `'x'`: the one field of an AnyValue. */
function pairs(attributes: readonly WireAttribute[] = []): Attributes {
  return attributes.map(({ key, value }) => [key, Object.values(value)[0]] as const);
}

/** All values of one attribute, in the order they came. */
export function valuesOf(attributes: Attributes, key: string): unknown[] {
  return attributes.filter(([name]) => name === key).map(([, value]) => value);
}

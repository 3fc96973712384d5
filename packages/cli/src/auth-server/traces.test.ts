import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { fromBinary } from '@bufbuild/protobuf';
import type { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { pino } from 'pino';
import { afterEach, expect, it, vi } from 'vitest';
import { ExportTraceServiceRequestSchema } from '../generated/otlp_pb.ts';
import { attributeText } from '../receiver/trace-store.ts';
import { openTraces } from './traces.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  vi.unstubAllEnvs();
  for (const close of closing.splice(0)) close();
});

interface Received {
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A backend that answers each export with the next of these; the last one stays. */
async function startBackend(...answers: [status: number, body: string][]) {
  const received: Received[] = [];
  const server = createServer(async ({ url, headers }, response) => {
    received.push({ url, headers, body: await buffer(response.req) });
    const [status, body] = (answers.length > 1 ? answers.shift() : answers[0]) ?? [200, ''];
    response.writeHead(status).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { received, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function createLog() {
  const lines: Record<string, unknown>[] = [];
  return {
    lines,
    logger: pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(JSON.parse(line)) }),
  };
}

const none = { tracesEndpoint: undefined, tracesSampleRatio: undefined };

it('sends spans where the settings say, over OTLP/HTTP, and what is left when it ends', async () => {
  const { received, endpoint } = await startBackend();
  const { logger, lines } = createLog();
  const traces = await openTraces({ ...none, tracesEndpoint: `${endpoint}/` }, {}, logger);
  traces?.tracerProvider.getTracer('a').startSpan('one').end();
  await traces?.[Symbol.asyncDispose]();
  expect(received).toMatchObject([{ url: '/v1/traces', headers: { 'content-type': 'application/x-protobuf' } }]);
  const request = fromBinary(ExportTraceServiceRequestSchema, received[0]?.body ?? Buffer.alloc(0));
  const [{ resource, scopeSpans } = {}] = request.resourceSpans;
  expect(scopeSpans?.[0]?.spans.map(({ name }) => name)).toEqual(['one']);
  expect(attributeText(resource?.attributes, 'service.name')).toBe('spanpass-server');
  expect(lines).toEqual([]);
});

it('samples as the settings say', async () => {
  const { received, endpoint } = await startBackend();
  const traces = await openTraces({ tracesEndpoint: endpoint, tracesSampleRatio: 0 }, {}, createLog().logger);
  traces?.tracerProvider.getTracer('a').startSpan('one').end();
  await traces?.[Symbol.asyncDispose]();
  expect(received).toEqual([]);
});

it('samples as the usual variables say, where the settings do not', async () => {
  vi.stubEnv('OTEL_TRACES_SAMPLER', 'always_off');
  const { received, endpoint } = await startBackend();
  const traces = await openTraces({ ...none, tracesEndpoint: endpoint }, {}, createLog().logger);
  traces?.tracerProvider.getTracer('a').startSpan('one').end();
  await traces?.[Symbol.asyncDispose]();
  expect(received).toEqual([]);
});

it.each<[string, NodeJS.ProcessEnv]>([
  ['no endpoint is named', {}],
  ['the endpoint is empty', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
  ['the SDK is off', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318', OTEL_SDK_DISABLED: 'true' }],
  ['there is no exporter', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318', OTEL_TRACES_EXPORTER: 'none' }],
])('is off when %s', async (_, env) => {
  expect(await openTraces(none, env, createLog().logger)).toBeUndefined();
});

it('is switched on by the usual variables, in both protocols, and refuses one that it does not speak', async () => {
  const { logger } = createLog();
  for (const protocol of ['grpc', 'http/protobuf', '']) {
    const env = {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4317',
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    };
    const traces = await openTraces(none, env, logger);
    expect(traces).toBeDefined();
    await traces?.[Symbol.asyncDispose]();
  }
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' };
  await expect(openTraces(none, env, logger)).rejects.toMatchObject({ exitCode: 2 });
});

it('says when a gateway refuses its spans, why, and when they arrive again, once each', async () => {
  const refusal: [number, string] = [401, '{"code":16,"message":"credential_missing: no credential"}'];
  const { endpoint } = await startBackend(refusal, refusal, [400, 'secret=0123456789'], [200, '']);
  const { logger, lines } = createLog();
  const traces = await openTraces({ ...none, tracesEndpoint: endpoint }, {}, logger);
  const provider = traces?.tracerProvider as BasicTracerProvider;
  for (let time = 0; time < 5; time++) {
    provider.getTracer('a').startSpan('one').end();
    await provider.forceFlush().catch(() => {});
  }
  await traces?.[Symbol.asyncDispose]();
  expect(lines).toMatchObject([
    { level: 40, problem: { code: 401, reason: 'credential_missing' }, msg: expect.stringContaining('with a pass') },
    { level: 40, problem: { code: 400 }, msg: 'spans of checks do not arrive' },
    { level: 30, msg: 'spans of checks arrive again' },
  ]);
  expect(JSON.stringify(lines)).not.toContain('0123456789');
});

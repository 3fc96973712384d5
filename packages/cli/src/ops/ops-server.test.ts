import { request } from 'node:http';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterEach, describe, expect, it } from 'vitest';
import { ExportTraceServiceRequestSchema } from '../generated/otlp_pb.ts';
import { decodeBatch } from '../receiver/batch.ts';
import { attributes, id } from '../receiver/otlp.test.helper.ts';
import { TraceStore } from '../receiver/trace-store.ts';
import { type OpsServer, startOpsServer } from './ops-server.ts';

let ops: OpsServer | undefined;
afterEach(async () => {
  await ops?.[Symbol.asyncDispose]();
  ops = undefined;
});

const hexId = Buffer.from(id(1)).toString('hex');

function storeWithOneTrace(): TraceStore {
  const message = create(ExportTraceServiceRequestSchema, {
    resourceSpans: [
      {
        resource: { attributes: attributes(['service.name', 'piped'], ['project-id', 'one']) },
        scopeSpans: [
          {
            spans: [
              {
                traceId: id(1),
                spanId: id(1, 8),
                name: 'Deploy',
                startTimeUnixNano: 1_000_000n,
                endTimeUnixNano: 3_000_000n,
                status: { code: 2, message: 'no' },
                attributes: [
                  { key: 'n', value: { value: { case: 'intValue', value: 7n } } },
                  {
                    key: 'list',
                    value: {
                      value: { case: 'arrayValue', value: { values: [{ value: { case: 'boolValue', value: true } }] } },
                    },
                  },
                ],
                events: [{ name: 'approval', timeUnixNano: 2_000_000n }],
              },
              {
                traceId: id(1),
                spanId: id(2, 8),
                parentSpanId: id(1, 8),
                name: 'Plan',
                links: [{ traceId: id(9), spanId: id(9, 8) }],
              },
            ],
          },
        ],
      },
    ],
  });
  const store = new TraceStore();
  store.add(decodeBatch('traces', 'protobuf', toBinary(ExportTraceServiceRequestSchema, message)), {
    project: 'one',
    piped: 'a',
  });
  return store;
}

async function start(notReady: string[] = [], traces?: TraceStore) {
  const source = (name: string) => ({
    name,
    isReady: () => !notReady.includes(name),
    metrics: () =>
      `# HELP process_x Same in all.\n# TYPE process_x counter\nprocess_x 1\n\n# HELP x_${name} x\nx_${name} 1\n`,
  });
  ops = await startOpsServer({
    host: '127.0.0.1',
    port: 0,
    sources: ['feed', 'gateway'].map(source),
    ...(traces && { traces }),
  });
  const { port } = ops;
  return async (path: string, init?: RequestInit) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
    return { status: response.status, text: await response.text() };
  };
}

describe('the ops server', () => {
  it('tells health, readiness and metrics', async () => {
    const get = await start();
    expect(await get('/healthz')).toEqual({ status: 200, text: 'ok\n' });
    expect(await get('/readyz')).toEqual({ status: 200, text: 'ready\n' });
    const { text } = await get('/metrics');
    expect(text.match(/^# HELP process_x/gm)).toHaveLength(1);
    expect(text).toMatch(/^x_feed 1$/m);
    expect(text).toMatch(/^x_gateway 1$/m);
    expect((await get('/nope')).status).toBe(404);
    expect((await get('/healthz', { method: 'POST' })).status).toBe(405);
    expect((await get('/api/traces')).status).toBe(404);
  });

  it('names what is not ready', async () => {
    const get = await start(['feed', 'gateway']);
    expect(await get('/readyz')).toEqual({ status: 503, text: 'not ready: feed, gateway\n' });
  });

  it('answers the questions of Jaeger from memory', async () => {
    const get = await start([], storeWithOneTrace());
    expect(JSON.parse((await get('/api/services')).text).data).toEqual(['piped']);
    const { data } = JSON.parse((await get(`/api/traces/${hexId}`)).text);
    expect(data[0]).toMatchObject({
      traceID: hexId,
      processes: { p1: { serviceName: 'piped', tags: [{}, { key: 'project-id', type: 'string', value: 'one' }] } },
    });
    const [plan, deploy] = data[0].spans;
    expect(plan).toMatchObject({
      operationName: 'Plan',
      references: [
        { refType: 'CHILD_OF', traceID: hexId, spanID: '0000000000000001' },
        { refType: 'FOLLOWS_FROM', spanID: '0000000000000009' },
      ],
    });
    expect(deploy).toMatchObject({
      operationName: 'Deploy',
      startTime: 1000,
      duration: 2000,
      tags: [
        { key: 'n', type: 'int64', value: 7 },
        { key: 'list', type: 'string', value: '[true]' },
        { key: 'span.kind' },
        { key: 'error', type: 'bool', value: true },
        { key: 'otel.status_description', value: 'no' },
      ],
      logs: [{ timestamp: 2000, fields: [{ key: 'event', value: 'approval' }] }],
    });
    expect(JSON.parse((await get('/api/traces?service=piped&limit=5')).text).data).toHaveLength(1);
    expect(JSON.parse((await get('/api/traces?service=other')).text).data).toHaveLength(0);
    expect((await get('/api/traces?limit=-1')).status).toBe(400);
    expect((await get(`/api/traces/${'f'.repeat(32)}`)).status).toBe(404);
  });

  it('shows no traces to a page that came by a name of its own', async () => {
    await start([], storeWithOneTrace());
    const status = await new Promise(resolve => {
      request(
        { port: ops?.port, host: '127.0.0.1', path: '/api/traces', headers: { host: 'evil.example:9464' } },
        response => {
          response.resume();
          resolve(response.statusCode);
        },
      ).end();
    });
    expect(status).toBe(404);
  });
});

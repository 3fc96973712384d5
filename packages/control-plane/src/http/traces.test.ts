import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EMBEDDED } from '../testing/databases.test.support.ts';
import { startTestPlane, type TestPlane } from '../testing/plane.test.support.ts';
import { jaegerTrace, startTraceStore, type TraceStoreDouble } from '../testing/trace-store.test.support.ts';

const ID = 'ab'.repeat(16);

describe.each([EMBEDDED])('deployments', database => {
  let store: TraceStoreDouble;
  let test: TestPlane;
  let viewer: string;

  beforeAll(async () => {
    store = await startTraceStore({ data: [jaegerTrace(ID, ['other', 'shop'])] });
    test = await startTestPlane(database, { jaegerUrl: `${store.url}/` });
    const body = { name: 'eve', role: 'viewer', projects: ['shop'] };
    viewer = (await test.call('POST', '/v1/tokens', { body })).body.token;
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  });

  it('are summed up from their traces', async () => {
    const { body } = await test.call('GET', '/v1/traces?limit=5&sinceSeconds=3600', { token: viewer });
    expect(body.items).toEqual([
      {
        traceId: ID,
        name: 'Deploy',
        project: 'shop',
        piped: 'edge-1',
        version: '1.2.3',
        deploymentId: 'd-1',
        application: 'cart',
        startedAtMs: 2000,
        durationMs: 3000,
        outcome: 'failed',
        spans: 2,
      },
    ]);
    const end = test.clock.now;
    expect(store.asked.at(-1)).toBe(
      `/api/traces?service=piped&limit=5&lookback=custom&start=${(end - 3_600_000) * 1000}&end=${end * 1000}`,
    );
  });

  it('show the spans of projects within reach alone', async () => {
    const spansFor = async (token?: string) =>
      (await test.call('GET', `/v1/traces/${ID}`, { ...(token !== undefined && { token }) })).body.spans;
    expect(await spansFor()).toHaveLength(4);
    const own = await spansFor(viewer);
    expect(own).toMatchObject([
      { spanId: 'a1', name: 'Deploy', failed: true, attributes: { 'application-id': 'cart' } },
      { spanId: 'b1', parentSpanId: 'a1', name: 'K8S_SYNC', startedAtMs: 3000, durationMs: 1000, failed: false },
    ]);
  });

  it('of others are unknown', async () => {
    const body = { name: 'bob', role: 'viewer', projects: ['nowhere'] };
    const { token } = (await test.call('POST', '/v1/tokens', { body })).body;
    expect((await test.call('GET', '/v1/traces', { token })).body).toEqual({ items: [] });
    expect(await test.call('GET', `/v1/traces/${ID}`, { token })).toMatchObject({
      status: 404,
      body: { code: 'trace_unknown' },
    });
  });

  it('are not at hand while their store gives no answer that can be used', async () => {
    const good = store.answer;
    for (const answer of [
      { status: 500, body: {} },
      { status: 200, body: 'no JSON' },
      { status: 200, body: { data: [{ traceID: 1 }] } },
      { status: 200, body: `"${' '.repeat(17 << 20)}"` },
    ]) {
      store.answer = answer;
      expect(await test.call('GET', '/v1/traces')).toMatchObject({ status: 503, body: { code: 'traces_unavailable' } });
    }
    store.answer = good;
    expect((await test.call('GET', '/v1/traces/..%2f..%2fsecrets')).status).toBe(400);
  });
});

describe.each([EMBEDDED])('without a store of traces', database => {
  it('says so', async () => {
    await using test = await startTestPlane(database);
    expect(await test.call('GET', '/v1/traces')).toMatchObject({ status: 404, body: { code: 'traces_unset' } });
    expect((await test.call('GET', '/v1/about')).body).toMatchObject({ traces: false, followers: 0 });
  });
});

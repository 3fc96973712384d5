import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { okResponse } from '../harness/check-response.ts';
import { type RunningCollector, startCollector } from '../harness/collector.ts';
import { type RunningEnvoy, startEnvoy } from '../harness/envoy.ts';
import { tracesRequest } from '../harness/otlp.ts';
import type { RunningProcess } from '../harness/process.ts';
import { startRawAuthServer } from '../harness/raw-auth-server.ts';
import { exportOverGrpc } from '../harness/raw-client.ts';
import { type Sink, startSink, valuesOf } from '../harness/sink.ts';
import { Stage } from '../harness/stage.ts';

const token = 'gateway-token-of-this-suite';

await describeWithEngine(['envoy', 'otelcol'], 'what the gateway has accepted, it delivers', ({ envoy, otelcol }) => {
  const stage = new Stage();
  let sink: Sink;
  let collector: RunningCollector;
  let running: RunningProcess;
  let gateway: RunningEnvoy;

  beforeAll(async () => {
    sink = await startSink(stage);
    const exportTo = [{ protocol: 'http', endpoint: sink.url, encoding: 'json' } as const];
    collector = await startCollector(stage, otelcol, { exportTo }, token);
    const identity = { 'x-spanpass-project': 'shop', 'x-spanpass-piped': 'piped-1' };
    const auth = await startRawAuthServer(stage, okResponse(identity));
    const options = {
      auth: { mode: 'grpc', endpoints: [auth.endpoint] },
      upstream: { grpc: [collector.grpcEndpoint], http: [collector.httpEndpoint] },
    } as const;
    gateway = await startEnvoy(stage, envoy, options, token);
  });
  afterAll(() => stage.dispose());

  const names = Array.from({ length: 100 }, (_, index) => `span ${index}`);

  it('though the backend is away and the Collector is killed', async () => {
    sink.unavailable = true;
    for (const name of names) {
      expect(await exportOverGrpc(gateway.grpcPort, tracesRequest(name))).toMatchObject({ code: status.OK });
    }
    await collector.process.stop('SIGKILL');
    expect(sink.spans()).toEqual([]);

    sink.unavailable = false;
    running = await collector.restart();
    for (const name of names) {
      const { resource } = await sink.span(name);
      expect(valuesOf(resource, 'project-id')).toEqual(['shop']);
    }
  });

  it('and an export waits for a Collector that restarts', async () => {
    await running.stop();
    const sent = names.slice(0, 20).map(name => exportOverGrpc(gateway.grpcPort, tracesRequest(`${name}, patient`)));
    await sleep(1_000);
    await collector.restart();
    const codes = (await Promise.all(sent)).map(({ code }) => code);
    expect(new Set(codes)).toEqual(new Set([status.OK]));
    for (const name of names.slice(0, 20)) await sink.span(`${name}, patient`);
  });
});

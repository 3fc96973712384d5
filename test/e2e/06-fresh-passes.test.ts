import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as ProtoExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { createClient } from '@spanpass/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import type { EnrolledPiped } from '../harness/admin.ts';
import { exportSpan } from '../harness/export.ts';
import { Stage } from '../harness/stage.ts';
import { startTheWay, type TheWay } from './the-way.ts';

const minuteMs = 60_000;
const grpcPath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const httpPath = '/v1/traces';

await describeWithEngine(['envoy', 'otelcol'], 'one exporter outlives its passes', engines => {
  const stage = new Stage();
  let way: TheWay;
  let piped: EnrolledPiped;

  beforeAll(async () => {
    way = await startTheWay(stage, engines);
    piped = await way.admin.enroll('shop', 'piped-1');
  });
  afterAll(() => stage.dispose());

  /** The server's clock is the real one, so the client's begins in the past: its first pass has ended by the time it is shown. */
  it.each([
    [
      'gRPC',
      (client: ReturnType<typeof createClient>, { grpcPort }: TheWay['gateway']) => {
        const url = `http://127.0.0.1:${grpcPort}`;
        return new GrpcExporter({ url, credentials: client.credentialsFor(url) });
      },
    ],
    [
      'HTTP',
      (client: ReturnType<typeof createClient>, { httpPort }: TheWay['gateway']) => {
        const url = `http://127.0.0.1:${httpPort}/v1/traces`;
        return new ProtoExporter({ url, headers: client.headersFor(url) });
      },
    ],
  ])('over %s', async (transport, exporterOf) => {
    let aheadMs = -10 * minuteMs;
    const client = createClient({ keyFile: piped.keyFilePath, now: () => Date.now() + aheadMs });
    const exporter = exporterOf(client, way.gateway);
    stage.defer(() => exporter.shutdown());
    stage.defer(() => client[Symbol.asyncDispose]());

    const refused = await exportSpan(exporter, `with a pass that ended, over ${transport}`);
    expect(refused).not.toBe('accepted');
    await way.gateway.logged({ reason: 'expired', path: transport === 'gRPC' ? grpcPath : httpPath });

    aheadMs = 0;
    const after = `after the end of the first pass, over ${transport}`;
    expect(await exportSpan(exporter, after)).toBe('accepted');
    await way.sink.span(after);

    // The pass at hand is good for five minutes; the clock allows for one more.
    aheadMs = 0.9 * minuteMs;
    expect(await exportSpan(exporter, `${after}, again`)).toBe('accepted');
  });
});

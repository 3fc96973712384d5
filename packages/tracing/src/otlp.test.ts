import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as HttpExporter } from '@opentelemetry/exporter-trace-otlp-http';
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';
import { afterEach, describe, expect, test } from 'vitest';
import { deploymentInfo, IDENTITY } from './harness.test.helper.ts';
import { rootSpanIdOf, traceIdOf } from './ids.ts';
import { createDeploymentTracing } from './tracing.ts';

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}
interface OtlpSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: Attribute[];
}
interface OtlpRequest {
  readonly resourceSpans: {
    readonly resource: { readonly attributes: Attribute[] };
    readonly scopeSpans: { readonly spans: OtlpSpan[] }[];
  }[];
}

let close: () => Promise<void> = async () => {};
afterEach(() => close());

async function httpSink() {
  const requests: OtlpRequest[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    requests.push(JSON.parse(body) as OtlpRequest);
    response.setHeader('content-type', 'application/json').end('{}');
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  close = () =>
    new Promise(resolve => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return { requests, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces` };
}

async function grpcSink() {
  const bodies: Buffer[] = [];
  const bytes = (body: Buffer) => body;
  const server = new grpc.Server();
  const definition = {
    path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  } as const;
  server.addService(
    { Export: definition },
    {
      Export: ({ request }: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
        bodies.push(request);
        done(null, Buffer.alloc(0));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  close = async () => server.forceShutdown();
  return { bodies, url: `http://127.0.0.1:${port}` };
}

async function rollout(exporter: SpanExporter) {
  await using tracing = createDeploymentTracing({ ...IDENTITY, exporter });
  await tracing.start(deploymentInfo({ id: 'example-deployment-id' })).run(async deployment => {
    await deployment.plan(() => {});
    await deployment.stage({ id: 's-1', name: 'K8S_SYNC' }, stage => stage.step('apply', () => {}));
  });
  await tracing.forceFlush();
}

const plain = (attributes: Attribute[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]));

describe('through the stock exporters', () => {
  test('OTLP/HTTP: the resource, the tree and the tags arrive', async () => {
    const { requests, url } = await httpSink();
    await rollout(new HttpExporter({ url }));
    const [received] = requests.flatMap(request => request.resourceSpans);
    expect(plain(received?.resource.attributes ?? [])).toMatchObject({
      'service.name': 'piped',
      'service.namespace': 'shop',
      'piped-id': 'edge-1',
    });
    const spans = received?.scopeSpans.flatMap(scope => scope.spans) ?? [];
    expect(spans.map(span => span.name)).toEqual(['Plan', 'apply', 'K8S_SYNC', 'Deploy']);
    expect(new Set(spans.map(span => span.traceId))).toEqual(new Set(['6e1718579d2303270ca03edd308192cf']));
    const byName = Object.fromEntries(spans.map(span => [span.name, span]));
    expect(byName.Deploy?.spanId).toBe(rootSpanIdOf('example-deployment-id'));
    expect(byName.Deploy?.parentSpanId ?? '').toBe('');
    expect(byName.K8S_SYNC?.parentSpanId).toBe(byName.Deploy?.spanId);
    expect(byName.apply?.parentSpanId).toBe(byName.K8S_SYNC?.spanId);
    expect(plain(byName.apply?.attributes ?? [])).toMatchObject({ 'stage-name': 'K8S_SYNC' });
  });

  test('OTLP/gRPC: ids and tags arrive as bytes', async () => {
    const { bodies, url } = await grpcSink();
    await rollout(new GrpcExporter({ url }));
    const sent = Buffer.concat(bodies);
    for (const id of [traceIdOf('example-deployment-id'), rootSpanIdOf('example-deployment-id')]) {
      expect(sent.includes(Buffer.from(id, 'hex'))).toBe(true);
    }
    for (const text of ['Deploy', 'Plan', 'K8S_SYNC', 'stage-id', 'service.instance.id'])
      expect(sent.includes(text)).toBe(true);
  });
});

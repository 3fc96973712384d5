import { Metadata, status } from '@grpc/grpc-js';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { type Client, createClient } from '@spanpass/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import type { EnrolledPiped } from '../harness/admin.ts';
import { exportSpan } from '../harness/export.ts';
import { type RawAttribute, tracesRequest, tracesRequestJson } from '../harness/otlp.ts';
import { aPass, bearer, passFor } from '../harness/passes.ts';
import { exportOverGrpc, exportOverHttp } from '../harness/raw-client.ts';
import { type SinkSpan, valuesOf } from '../harness/sink.ts';
import { Stage } from '../harness/stage.ts';
import { startTheWay, type TheWay } from './the-way.ts';

/** What a piped of one project writes when it would rather be of another. */
const claims = {
  'project-id': 'bank',
  'piped-id': 'piped-of-bank',
  'service.namespace': 'bank',
  'service.instance.id': 'piped-of-bank',
};

/** Exactly one value of each, whatever came in. */
function expectStamped({ resource }: SinkSpan): void {
  expect(valuesOf(resource, 'project-id')).toEqual(['shop']);
  expect(valuesOf(resource, 'piped-id')).toEqual(['piped-1']);
  expect(valuesOf(resource, 'service.namespace')).toEqual(['shop']);
  expect(valuesOf(resource, 'service.instance.id')).toEqual(['piped-1']);
  expect(JSON.stringify(resource)).not.toContain('bank');
}

await describeWithEngine(['envoy', 'otelcol'], 'a span arrives with the identity that the server found', engines => {
  const stage = new Stage();
  let way: TheWay;
  let piped: EnrolledPiped;
  let client: Client;

  beforeAll(async () => {
    way = await startTheWay(stage, engines);
    piped = await way.admin.enroll('shop', 'piped-1');
    client = createClient({ keyFile: piped.keyFilePath });
    stage.defer(() => client[Symbol.asyncDispose]());
  });
  afterAll(() => stage.dispose());

  const grpcUrl = () => `http://127.0.0.1:${way.gateway.grpcPort}`;
  const httpUrl = () => `http://127.0.0.1:${way.gateway.httpPort}/v1/traces`;

  it('from the stock exporter over gRPC', async () => {
    const exporter = new GrpcExporter({ url: grpcUrl(), credentials: client.credentialsFor(grpcUrl()) });
    expect(await exportSpan(exporter, 'grpc')).toBe('accepted');
    await exporter.shutdown();
    expectStamped(await way.sink.span('grpc'));
  });

  it.each([
    ['JSON', JsonExporter],
    ['protobuf', ProtoExporter],
  ])('from the stock exporter over HTTP with %s', async (encoding, Exporter) => {
    const exporter = new Exporter({ url: httpUrl(), headers: client.headersFor(httpUrl()) });
    expect(await exportSpan(exporter, encoding)).toBe('accepted');
    await exporter.shutdown();
    expectStamped(await way.sink.span(encoding));
  });

  it('when the client claims another project in its resource', async () => {
    const exporter = new GrpcExporter({ url: grpcUrl(), credentials: client.credentialsFor(grpcUrl()) });
    expect(await exportSpan(exporter, 'claimed by resource', claims)).toBe('accepted');
    await exporter.shutdown();
    const span = await way.sink.span('claimed by resource');
    expectStamped(span);
    expect(valuesOf(span.resource, 'service.name')).toEqual(['piped']);
  });

  it('when it claims one in headers', async () => {
    const metadata = new Metadata();
    for (const name of ['x-spanpass-project', 'x-spanpass-piped']) metadata.set(name, 'bank');
    // A stock exporter's own `metadata`, beside the credentials.
    const credentials = client.credentialsFor(grpcUrl());
    const exporter = new GrpcExporter({ url: grpcUrl(), credentials, metadata });
    expect(await exportSpan(exporter, 'claimed by headers')).toBe('accepted');
    await exporter.shutdown();
    expectStamped(await way.sink.span('claimed by headers'));
  });

  it('when it claims several in several headers, over HTTP', async () => {
    const headers = {
      ...(await client.headers()),
      'x-spanpass-project': ['bank', 'shop'],
      'X-Spanpass-Piped': ['piped-of-bank', 'piped-1'],
    };
    expect(await exportOverHttp(way.gateway.httpPort, tracesRequest('many headers'), headers)).toMatchObject({
      http: 200,
    });
    expectStamped(await way.sink.span('many headers'));
  });

  const thrice: RawAttribute[] = Object.entries(claims).flatMap(([key, value]): RawAttribute[] => [
    [key, value],
    [key, value],
    [key.toUpperCase(), value],
    [key, value],
  ]);

  it('when it sends the same attribute three times, over gRPC', async () => {
    const pass = bearer(await passFor(piped.keyFile));
    const body = tracesRequest('thrice over gRPC', thrice);
    expect(await exportOverGrpc(way.gateway.grpcPort, body, [pass])).toMatchObject({ code: status.OK });
    expectStamped(await way.sink.span('thrice over gRPC'));
  });

  it.each([
    ['protobuf', tracesRequest],
    ['JSON', tracesRequestJson],
  ])('when it sends the same attribute three times, over HTTP with %s', async (encoding, request) => {
    const name = `thrice with ${encoding}`;
    const outcome = await exportOverHttp(way.gateway.httpPort, request(name, thrice), await client.headers());
    expect(outcome).toMatchObject({ http: 200 });
    expectStamped(await way.sink.span(name));
  });

  it('and a claim with underscores, which some servers read as the same header, goes nowhere', async () => {
    const pass = bearer(await passFor(piped.keyFile));
    const claim = ['x_spanpass_project', 'bank'] as const;
    const overGrpc = await exportOverGrpc(way.gateway.grpcPort, tracesRequest('underscores'), [pass, claim]);
    expect(overGrpc.code).not.toBe(status.OK);
    const headers = { ...(await client.headers()), [claim[0]]: claim[1] };
    const overHttp = await exportOverHttp(way.gateway.httpPort, tracesRequestJson('underscores'), headers);
    expect(overHttp).toMatchObject({ http: 400, status: { code: status.INVALID_ARGUMENT } });

    await exportOverHttp(way.gateway.httpPort, tracesRequest('after underscores'), await client.headers());
    expectStamped(await way.sink.span('after underscores'));
    expect(way.sink.spans().map(span => span.name)).not.toContain('underscores');
  });

  it('and no pass and no identity of another came through in all of this', async () => {
    expect(JSON.stringify(way.sink.spans().map(span => span.resource))).not.toContain('bank');
    expect(JSON.stringify(way.sink.requestHeaders())).not.toMatch(/bearer/i);
    await way.gateway.logged({ http: 200, project: 'shop' });
    expect(way.gateway.process.output()).not.toMatch(aPass);
    for (const entry of way.gateway.accessLog().filter(each => each.http === 200)) {
      expect(entry).toMatchObject({ project: 'shop', piped: 'piped-1', kid: piped.keyFile.kid });
    }
  });
});

import { status } from '@grpc/grpc-js';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtoExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { afterEach, describe, expect, it } from 'vitest';
import { gatewayAuthenticator } from './gateway-authenticator.ts';
import { pairs } from './otlp.test.helper.ts';
import { refused } from './outcome.ts';
import {
  body,
  call,
  fromGateway,
  metadataOf,
  post,
  rpcStatus,
  stamped,
  start,
  stopAll,
  token,
} from './receiver.test.helper.ts';
import type { Receiver } from './receiver.ts';

afterEach(stopAll);
describe('the stock exporters', () => {
  const exporters: [string, (receiver: Receiver) => SpanExporter][] = [
    [
      'grpc',
      ({ grpcPort }) => new GrpcExporter({ url: `http://127.0.0.1:${grpcPort}`, metadata: metadataOf(fromGateway) }),
    ],
    [
      'proto',
      ({ httpPort }) => new ProtoExporter({ url: `http://127.0.0.1:${httpPort}/v1/traces`, headers: fromGateway }),
    ],
    [
      'json',
      ({ httpPort }) => new JsonExporter({ url: `http://127.0.0.1:${httpPort}/v1/traces`, headers: fromGateway }),
    ],
    [
      'proto, gzip',
      ({ httpPort }) =>
        new ProtoExporter({
          url: `http://127.0.0.1:${httpPort}/v1/traces`,
          headers: fromGateway,
          compression: 'gzip' as never,
        }),
    ],
  ];

  it.each(exporters)('%s: spans arrive whole, stamped', async (_, exporterFor) => {
    const receiver = await start();
    const provider = new BasicTracerProvider({
      resource: resourceFromAttributes({ 'service.name': 'piped', 'project-id': 'forged', 'PIPED-ID': 'forged' }),
      spanProcessors: [new SimpleSpanProcessor(exporterFor(receiver))],
    });
    const span = provider.getTracer('test').startSpan('Deploy', { attributes: { 'project-id': 'forged', n: 1 } });
    span.end();
    await provider.forceFlush();
    await provider.shutdown();
    expect(receiver.received).toHaveLength(1);
    const [{ batch, identity } = { batch: undefined, identity: undefined }] = receiver.received;
    expect(identity).toMatchObject({ project: 'verified', piped: 'edge-1' });
    expect(pairs(batch?.entries[0]?.resource?.attributes)).toEqual([['service.name', 'piped'], ...stamped]);
    const [seen] = batch?.traces?.resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
    expect(seen?.name).toBe('Deploy');
    expect(Buffer.from(seen?.traceId ?? []).toString('hex')).toBe(span.spanContext().traceId);
    expect(pairs(seen?.attributes)).toEqual([['n', 1n]]);
  });
});

describe('behind a gateway, what is taken', () => {
  const without = (name: keyof typeof fromGateway) =>
    Object.fromEntries(Object.entries(fromGateway).filter(([key]) => key !== name));
  const refusals: [string, Record<string, string | string[]>][] = [
    ['nothing', {}],
    ['no token', without('x-gateway-auth')],
    ['another token', { ...fromGateway, 'x-gateway-auth': 'Bearer another-gateway-token-of-length' }],
    ['the token without its scheme', { ...fromGateway, 'x-gateway-auth': token }],
    ['the token twice', { ...fromGateway, 'x-gateway-auth': [`Bearer ${token}`, `Bearer ${token}`] }],
    ['no project', without('x-spanpass-project')],
    ['no piped', without('x-spanpass-piped')],
    ['an empty project', { ...fromGateway, 'x-spanpass-project': '' }],
    ['two projects', { ...fromGateway, 'x-spanpass-project': ['verified', 'other'] }],
    ['one project twice', { ...fromGateway, 'x-spanpass-project': ['verified', 'verified'] }],
    ['two projects in one', { ...fromGateway, 'x-spanpass-project': 'verified,other' }],
    ['two pipeds', { ...fromGateway, 'x-spanpass-piped': ['edge-1', 'edge-2'] }],
    ['a project that is none', { ...fromGateway, 'x-spanpass-project': '../x' }],
    ['a pass instead', { authorization: 'Bearer a.b.c' }],
  ];

  it.each(refusals)('not %s, over gRPC', async (_, headers) => {
    const receiver = await start();
    expect(await call(receiver.grpcPort, body, headers)).toMatchObject({ code: status.UNAUTHENTICATED });
    expect(receiver.received).toEqual([]);
  });

  it.each(refusals)('not %s, over HTTP', async (_, headers) => {
    const receiver = await start();
    const answer = await post(receiver.httpPort, body, headers);
    expect(answer.status).toBe(401);
    expect(rpcStatus(answer).code).toBe(status.UNAUTHENTICATED);
    expect(receiver.received).toEqual([]);
  });

  it('the token and both headers', async () => {
    const receiver = await start();
    expect(await call(receiver.grpcPort, body, fromGateway)).toBeNull();
    expect(await post(receiver.httpPort, body, fromGateway)).toMatchObject({ status: 200, body: Buffer.alloc(0) });
    expect(receiver.received.map(({ identity }) => identity.project)).toEqual(['verified', 'verified']);
  });

  it("a token that is too short to be one is the caller's mistake", () => {
    expect(() => gatewayAuthenticator('short')).toThrow(TypeError);
  });
});

describe('answers', () => {
  it('speak the encoding of the request', async () => {
    const partial = {
      kind: 'accepted',
      response: Buffer.from([0x0a, 0x07, 0x08, 0x02, 0x12, 0x03, 0x6f, 0x6c, 0x64]),
    } as const;
    const receiver = await start({ answer: () => partial });
    const json = { ...fromGateway, 'content-type': 'application/json; charset=utf-8' };
    const asJson = await post(receiver.httpPort, Buffer.from('{"resourceSpans":[]}'), json);
    expect(asJson.headers['content-type']).toBe('application/json');
    expect(JSON.parse(asJson.body.toString())).toEqual({ partialSuccess: { rejectedSpans: '2', errorMessage: 'old' } });
    const asProtobuf = await post(receiver.httpPort, body, fromGateway);
    expect(asProtobuf.headers['content-type']).toBe('application/x-protobuf');
    expect(asProtobuf.body).toEqual(partial.response);

    const malformed = await post(receiver.httpPort, Buffer.from('{'), json);
    expect(malformed.status).toBe(400);
    expect(JSON.parse(malformed.body.toString())).toMatchObject({ code: 3, message: expect.any(String) });
  });

  it('pass on what a backend said, with what it said about when to come back', async () => {
    const statusDetails = Buffer.from('retry');
    const receiver = await start({
      answer: () => ({ ...refused('unavailable', 'try again'), retryAfterSeconds: 7, statusDetails }),
    });
    const answer = await post(receiver.httpPort, body, fromGateway);
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '7' } });
    expect(rpcStatus(answer)).toEqual({ code: status.UNAVAILABLE, message: 'try again' });
    const error = await call(receiver.grpcPort, body, fromGateway);
    expect(error).toMatchObject({ code: status.UNAVAILABLE, details: 'try again' });
    expect(error?.metadata.get('grpc-status-details-bin')).toEqual([statusDetails]);
  });

  it.each([
    ['PUT', '/v1/traces', {}, 405],
    ['POST', '/v1/traces', { 'content-type': 'text/plain' }, 415],
    ['POST', '/v1/traces', { 'content-encoding': 'br' }, 415],
    ['POST', '/v1/nothing', {}, 403],
    ['POST', '/v1/profiles', {}, 404],
  ])('%s %s with %o is %i', async (method, path, headers, expected) => {
    const receiver = await start();
    const answer = await post(receiver.httpPort, body, { ...fromGateway, ...headers }, { method, path });
    expect(answer.status).toBe(expected);
    expect(receiver.received).toEqual([]);
  });

  it('a sink that fails is an internal error to the sender, and told to us', async () => {
    const failure = new Error('secret of the sink');
    const receiver = await start({
      answer: () => {
        throw failure;
      },
    });
    const answer = await post(receiver.httpPort, body, fromGateway);
    expect(answer.status).toBe(500);
    expect(answer.body.toString()).not.toContain('secret');
    expect(await call(receiver.grpcPort, body, fromGateway)).toMatchObject({ code: status.INTERNAL });
    expect(receiver.faults).toEqual([failure, failure]);
  });

  it("malformed messages are the sender's mistake", async () => {
    const receiver = await start();
    const junk = Buffer.from([0x0a, 0xff, 0xff, 0xff, 0x0f]);
    expect(await call(receiver.grpcPort, junk, fromGateway)).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect((await post(receiver.httpPort, junk, fromGateway)).status).toBe(400);
    expect((await post(receiver.httpPort, junk, { ...fromGateway, 'content-encoding': 'gzip' })).status).toBe(400);
  });
});

it("says by the system's own code that a port is taken", async () => {
  const receiver = await start();
  await expect(start({ httpPort: receiver.httpPort })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await expect(start({ grpcPort: receiver.grpcPort })).rejects.toThrow(/EADDRINUSE/);
});

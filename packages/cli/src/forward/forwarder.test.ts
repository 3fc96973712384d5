import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Metadata, Server, ServerCredentials, status, type UntypedHandleCall } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { createForwarder } from './forwarder.ts';
import { parseForwardTarget } from './target.ts';

const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const close of cleanup.splice(0)) close();
});

const body = new Uint8Array([0x0a, 0x00]);

async function httpBackend(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  cleanup.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return forwarderTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

async function grpcBackend(handler: UntypedHandleCall) {
  const server = new Server();
  const identity = (bytes: Buffer) => bytes;
  server.addService(
    {
      export: {
        path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        requestStream: false,
        responseStream: false,
        requestSerialize: identity,
        requestDeserialize: identity,
        responseSerialize: identity,
        responseDeserialize: identity,
      },
    },
    { export: handler },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  cleanup.push(() => server.forceShutdown());
  return forwarderTo(`grpc://127.0.0.1:${port}`);
}

function forwarderTo(endpoint: string, timeoutMs = 2_000) {
  const forwarder = createForwarder(parseForwardTarget(endpoint), timeoutMs);
  cleanup.push(() => forwarder.close());
  return forwarder;
}

describe('forwarding over OTLP/HTTP', () => {
  it('posts protobuf to the path of the signal and passes the answer back', async () => {
    const seen: unknown[] = [];
    const forwarder = await httpBackend(async (request, response) => {
      const chunks = await request.toArray();
      seen.push(request.method, request.url, request.headers['content-type'], Buffer.concat(chunks));
      response.setHeader('content-type', 'application/x-protobuf').end(Buffer.from([0x0a, 0x02, 0x08, 0x01]));
    });
    const outcome = await forwarder.forward('metrics', body);
    expect(seen).toEqual(['POST', '/v1/metrics', 'application/x-protobuf', Buffer.from(body)]);
    expect(outcome).toEqual({ kind: 'accepted', response: Buffer.from([0x0a, 0x02, 0x08, 0x01]) });
  });

  it.each([
    [503, { code: status.UNAVAILABLE, httpStatus: 503, retryAfterSeconds: 7 }],
    [429, { code: status.UNAVAILABLE, httpStatus: 429, retryAfterSeconds: 7 }],
    [400, { code: status.INVALID_ARGUMENT, httpStatus: 400 }],
    [413, { code: status.RESOURCE_EXHAUSTED, httpStatus: 413 }],
    [401, { code: status.INTERNAL, httpStatus: 500 }],
    [302, { code: status.INTERNAL, httpStatus: 500 }],
    [500, { code: status.INTERNAL, httpStatus: 500 }],
  ])('%i becomes %o', async (httpStatus, expected) => {
    const forwarder = await httpBackend((_, response) =>
      response
        .writeHead(httpStatus, { 'retry-after': '7', location: 'http://127.0.0.1:1/' })
        .end('secret of the backend'),
    );
    const outcome = await forwarder.forward('traces', body);
    expect(outcome).toMatchObject({ kind: 'refused', ...expected });
    expect(JSON.stringify(outcome)).not.toContain('secret of the backend');
  });

  it('nobody there, or nobody in time, is unavailable', async () => {
    const unavailable = { kind: 'refused', code: status.UNAVAILABLE, httpStatus: 503 };
    expect(await forwarderTo('http://127.0.0.1:1').forward('traces', body)).toMatchObject(unavailable);
    const silent = createServer(() => {});
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve));
    cleanup.push(
      () => silent.closeAllConnections(),
      () => silent.close(),
    );
    const { port } = silent.address() as AddressInfo;
    expect(await forwarderTo(`http://127.0.0.1:${port}`, 50).forward('traces', body)).toMatchObject(unavailable);
  });

  it('an endless answer is cut off', async () => {
    const forwarder = await httpBackend((_, response) => {
      response.setHeader('content-type', 'application/x-protobuf');
      const timer = setInterval(() => response.write(Buffer.alloc(16 * 1024)), 1);
      response.on('close', () => clearInterval(timer));
    });
    expect(await forwarder.forward('traces', body)).toMatchObject({ kind: 'accepted', response: { length: 0 } });
  });
});

describe('forwarding over OTLP/gRPC', () => {
  it('calls Export and passes the answer back', async () => {
    const seen: unknown[] = [];
    const forwarder = await grpcBackend((call: { request: Buffer }, callback: (error: null, value: Buffer) => void) => {
      seen.push(call.request);
      callback(null, Buffer.from([0x0a, 0x00]));
    });
    expect(await forwarder.forward('traces', body)).toEqual({ kind: 'accepted', response: Buffer.from([0x0a, 0x00]) });
    expect(seen).toEqual([Buffer.from(body)]);
  });

  it.each([
    [status.UNAVAILABLE, false, { code: status.UNAVAILABLE, httpStatus: 503 }],
    [status.DEADLINE_EXCEEDED, false, { code: status.DEADLINE_EXCEEDED, httpStatus: 503 }],
    [
      status.RESOURCE_EXHAUSTED,
      true,
      { code: status.RESOURCE_EXHAUSTED, httpStatus: 429, statusDetails: Buffer.from('retry') },
    ],
    [status.RESOURCE_EXHAUSTED, false, { code: status.INTERNAL, httpStatus: 500 }],
    [status.INVALID_ARGUMENT, false, { code: status.INVALID_ARGUMENT, httpStatus: 400 }],
    [status.UNAUTHENTICATED, false, { code: status.INTERNAL, httpStatus: 500 }],
  ])('%i (RetryInfo: %s) becomes %o', async (code, retryInfo, expected) => {
    const metadata = new Metadata();
    if (retryInfo) metadata.set('grpc-status-details-bin', Buffer.from('retry'));
    const forwarder = await grpcBackend((_: unknown, callback: (error: object) => void) =>
      callback({ code, details: 'secret of the backend', metadata }),
    );
    const outcome = await forwarder.forward('traces', body);
    expect(outcome).toMatchObject({ kind: 'refused', ...expected });
    expect(JSON.stringify(outcome)).not.toContain('secret of the backend');
  });

  it('nobody there is unavailable', async () => {
    expect(await forwarderTo('grpc://127.0.0.1:1').forward('traces', body)).toMatchObject({ code: status.UNAVAILABLE });
  });
});

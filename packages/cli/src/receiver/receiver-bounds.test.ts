import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Client, credentials, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { ACCEPTED } from './outcome.ts';
import { body, call, cleanup, fromGateway, metadataOf, post, start, stopAll } from './receiver.test.helper.ts';

afterEach(stopAll);
describe('bounds', () => {
  const limits = { maxBodyBytes: 64 * 1024 };
  const large = Buffer.alloc(80 * 1024);
  const bomb = gzipSync(Buffer.alloc(32 * 1024 * 1024));

  it('on the message, as sent', async () => {
    const receiver = await start(limits);
    expect((await post(receiver.httpPort, large, fromGateway)).status).toBe(413);
    expect((await post(receiver.httpPort, large, { ...fromGateway, 'transfer-encoding': 'chunked' })).status).toBe(413);
    expect(await call(receiver.grpcPort, large, fromGateway)).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });

  it('on the message, inflated', async () => {
    const receiver = await start(limits);
    expect(bomb.length).toBeLessThan(limits.maxBodyBytes);
    expect((await post(receiver.httpPort, bomb, { ...fromGateway, 'content-encoding': 'gzip' })).status).toBe(413);
    expect(await call(receiver.grpcPort, Buffer.alloc(1024 * 1024), fromGateway, true)).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
    });
  });

  it('on who may send a body at all', async () => {
    const receiver = await start(limits);
    expect((await post(receiver.httpPort, Buffer.alloc(20 * 1024 * 1024), {})).status).toBe(401);
  });

  it('on the number of headers', async () => {
    const receiver = await start();
    const many = Object.fromEntries(Array.from({ length: 120 }, (_, n) => [`x-${n}`, 'v']));
    expect((await post(receiver.httpPort, body, { ...fromGateway, ...many })).status).toBe(431);
  });

  it('on time, for a body that does not come', async () => {
    const receiver = await start({ timeoutMs: 50 });
    const socket = connect(receiver.httpPort, '127.0.0.1');
    cleanup.push(() => socket.destroy());
    const head = Object.entries(fromGateway)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('');
    socket.write(
      `POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 100\r\n${head}\r\nabc`,
    );
    const answer = await new Promise<string>(resolve => {
      let text = '';
      socket.on('data', chunk => {
        text += chunk;
      });
      socket.once('close', () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1.1 (408|400)/);
    expect(receiver.received).toEqual([]);
  });

  it('on time, for a gRPC message that does not come', async () => {
    const receiver = await start({ timeoutMs: 50 });
    const client = new Client(`127.0.0.1:${receiver.grpcPort}`, credentials.createInsecure());
    cleanup.push(() => client.close());
    const code = await new Promise(resolve => {
      const stream = client.makeClientStreamRequest(
        '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        metadataOf(fromGateway),
        error => resolve(error?.code),
      );
      stream.on('error', () => {});
    });
    expect(code).toBe(status.DEADLINE_EXCEEDED);
  });

  it('on what is under way at a time, over HTTP', async () => {
    let release = () => {};
    const held = new Promise<void>(resolve => {
      release = resolve;
    });
    const receiver = await start({
      maxConcurrent: 1,
      sink: async () => {
        await held;
        return ACCEPTED;
      },
    });
    const first = post(receiver.httpPort, body, fromGateway);
    const second = await post(receiver.httpPort, body, fromGateway).then(async answer => {
      release();
      return answer;
    });
    const answers = [await first, second].map(answer => answer.status).sort();
    expect(answers).toEqual([200, 503]);
  });
});

import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { parseCredential } from '@spanpass/credential';
import { expect, it, onTestFinished } from 'vitest';
import { signals } from '../gateway-config/signals.ts';
import { run } from '../program.ts';
import { bytesMethod } from '../receiver/grpc-method.ts';
import { cli, dir, enrolled } from './commands.test.helper.ts';

const traces = signals[0].grpcPath;
const body = Buffer.from([0x0a, 0x00]);
const flags = (keyFile: string) => ['forward', '--key-file', keyFile, '--endpoint', 'http://127.0.0.1:1', '--json'];

async function startGateway() {
  const taken: { authorization: unknown; body: Buffer }[] = [];
  const server = new Server();
  server.addService(
    { Export: bytesMethod(traces) },
    {
      Export: (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
        taken.push({ authorization: call.metadata.get('authorization')[0], body: call.request });
        callback(null, Buffer.alloc(0));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  onTestFinished(() => server.forceShutdown());
  return { url: `http://127.0.0.1:${port}`, taken };
}

it('takes a request without a credential, and sends it on with one', async () => {
  const gateway = await startGateway();
  const keyFile = await enrolled('forwarding');
  const stop = new AbortController();
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const args = ['forward', '--key-file', keyFile, '--endpoint', gateway.url, '--json', '--log-level', 'silent'];
  const ended = run([...args, '--grpc-port', '0', '--http-port', '0', '--spool-dir', join(dir, 'spool')], {
    stdin: Readable.from([]),
    stdout,
    stderr,
    env: {},
    stop: stop.signal,
  });
  const [line] = (await stdout.take(1).toArray()) as [Buffer];
  const { grpcAddress } = JSON.parse(line.toString());
  const client = new Client(grpcAddress, credentials.createInsecure());
  const same = (bytes: Buffer) => bytes;
  await new Promise<void>((resolve, reject) => {
    client.makeUnaryRequest(traces, same, same, body, error => (error ? reject(error) : resolve()));
  });
  client.close();
  stop.abort();
  expect(await ended).toBe(0);
  stderr.end();
  expect(await text(stderr)).toBe('');
  const [received] = gateway.taken;
  expect(received?.body).toEqual(body);
  const { unverifiedClaims } = parseCredential(String(received?.authorization).replace('Bearer ', ''));
  expect(unverifiedClaims).toMatchObject({ project: 'shop', sub: 'forwarding' });
});

it('lets nobody else send in the name of its piped, unless that is said', async () => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1']) {
    expect(await cli([...flags('none.json'), '--host', host])).toMatchObject({
      code: 2,
      err: expect.stringMatching(
        `^spanpass: --host ${host} is not surely this machine, .* --listen-beyond-loopback\n$`,
      ),
    });
  }
});

it('never sends its credential in the clear beyond this machine', async () => {
  const keyFile = await enrolled('cleartext');
  const args = ['forward', '--key-file', keyFile, '--endpoint', 'http://gateway.example.com:4317'];
  expect(await cli([...args, '--grpc-port', '0', '--http-port', '0'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('credentials are not sent to dns:gateway.example.com:4317 over plaintext'),
  });
});

it.each([
  ['http://127.0.0.1:4319', []],
  ['http://localhost:4320', []],
  ['unix:///run/otlp.sock', ['--grpc-socket', '/run/otlp.sock']],
])('does not send to itself at %s', async (endpoint, more) => {
  const args = ['forward', '--key-file', 'none.json', '--endpoint', endpoint, ...more];
  expect(await cli(args)).toMatchObject({ code: 2, err: expect.stringContaining('this sidecar itself listens') });
});

it('says at once that its key file is not there', async () => {
  expect(await cli(flags(join(dir, 'none.json')))).toMatchObject({
    code: 1,
    err: expect.stringContaining('none.json'),
  });
});

it.each([
  ['--max-bytes', '0'],
  ['--max-request-bytes', 'many'],
  ['--protocol', 'http/json'],
])('%s %s is wrong usage', async (flag, value) => {
  expect(await cli([...flags('none.json'), flag, value])).toMatchObject({ code: 2 });
});

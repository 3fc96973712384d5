import { once } from 'node:events';
import { connect } from 'node:net';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { selfSigned } from '../tls/certificates.test.support.ts';
import { openTls } from '../tls/tls-source.ts';
import { type OperationsOptions, startOperations } from './endpoints.ts';

const start = (options: Partial<OperationsOptions> = {}) =>
  startOperations({ host: '127.0.0.1', port: 0, registry: new Registry(), isReady: () => true, ...options });

async function connectTo(address: string) {
  const socket = connect(Number(address.split(':')[1]), '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

describe('metrics and probes', () => {
  it('take a bounded number of connections', async () => {
    await using operations = await start({ maxConnections: 1 });
    const first = await connectTo(operations.address);
    const second = await connectTo(operations.address);
    await once(second, 'close');
    expect(first.destroyed).toBe(false);
  });

  it.each(['clear text', 'TLS'])('end at once, whoever has opened a connection and says nothing: %s', async how => {
    const tls = how === 'TLS' ? await openTls(selfSigned('metrics')) : undefined;
    const operations = await start({ tls });
    const silent = await connectTo(operations.address);
    // Has reached the server, too.
    await new Promise(resolve => setTimeout(resolve, 50));
    const closed = once(silent, 'close');
    await operations[Symbol.asyncDispose]();
    await closed;
  });
});

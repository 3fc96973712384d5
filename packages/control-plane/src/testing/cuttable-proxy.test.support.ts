import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to a database that can be cut, and made silent. */
export interface CuttableProxy extends AsyncDisposable {
  readonly url: string;
  /** Ends all connections, and takes no more. */
  cut(): void;
  /** Lets connections be, and nothing through. */
  silence(): void;
  mend(): void;
}

export async function cuttableProxy(databaseUrl: string): Promise<CuttableProxy> {
  const target = new URL(databaseUrl);
  const pairs = new Set<[Socket, Socket]>();
  let state: 'open' | 'cut' | 'silent' = 'open';
  const server = createServer(client => {
    client.on('error', () => {});
    if (state === 'cut') return client.destroy();
    const upstream = connect(Number(target.port), target.hostname);
    upstream.on('error', () => client.destroy());
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    for (const [from, to] of [pair, [upstream, client] as const]) {
      from.on('data', chunk => {
        if (state === 'open') to.write(chunk);
      });
      from.on('close', () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
    return undefined;
  }).listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  const own = new URL(databaseUrl);
  own.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cut = () => {
    state = 'cut';
    for (const [client] of pairs) client.destroy();
  };
  return {
    url: own.href,
    cut,
    silence: () => {
      state = 'silent';
    },
    mend: () => {
      state = 'open';
    },
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

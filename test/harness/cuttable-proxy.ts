import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Stage } from './stage.ts';

/** A way over TCP that can be cut, and made silent: connections stay, and nothing passes any more. */
export interface CuttableProxy {
  readonly port: number;
  /** Ends all connections, and takes no more. */
  cut(): void;
  /** Half-open: neither side is told, and what is sent is lost. */
  silence(): void;
  /** Takes connections again. Those that were silenced stay silent: on them something is missing. */
  mend(): void;
}

export async function startCuttableProxy(stage: Stage, targetPort: number): Promise<CuttableProxy> {
  type State = 'open' | 'cut' | 'silent';
  let state: State = 'open';
  const ways = new Set<{ readonly sockets: readonly Socket[]; silent: boolean }>();
  const server = createServer(client => {
    client.on('error', () => {});
    if (state === 'cut') {
      client.destroy();
      return;
    }
    const upstream = connect(targetPort, '127.0.0.1');
    upstream.on('error', () => client.destroy());
    const way = { sockets: [client, upstream], silent: state === 'silent' };
    ways.add(way);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('data', chunk => {
        if (!way.silent) to.write(chunk);
      });
      from.on('close', () => {
        if (!way.silent) to.destroy();
        ways.delete(way);
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const end = () => {
    for (const { sockets } of ways) for (const socket of sockets) socket.destroy();
  };
  stage.defer(async () => {
    const closed = new Promise(resolve => server.close(resolve));
    end();
    await closed;
  });
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      state = 'cut';
      end();
    },
    silence: () => {
      state = 'silent';
      for (const way of ways) way.silent = true;
    },
    mend: () => {
      state = 'open';
    },
  };
}

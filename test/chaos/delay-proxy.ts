import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stage } from '../harness/stage.ts';

/** A way to a server that can be made slow. */
export interface DelayProxy {
  /** `host:port` to connect to instead. */
  readonly endpoint: string;
  /** What each answer waits for. */
  delayMs: number;
}

/** Passes bytes on to a port of loopback, and holds back what comes from there. */
export async function startDelayProxy(stage: Stage, port: number): Promise<DelayProxy> {
  const state = { delayMs: 0 };
  const open = new Set<Socket>();
  const server = createServer(client => {
    const upstream = connect(port, '127.0.0.1');
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', end).on('close', () => {
        open.delete(socket);
        end();
      });
    }
    client.pipe(upstream);
    void (async () => {
      for await (const chunk of upstream as AsyncIterable<Buffer>) {
        if (state.delayMs > 0) await sleep(state.delayMs);
        client.write(chunk);
      }
    })().catch(end);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  stage.defer(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return {
    endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get delayMs() {
      return state.delayMs;
    },
    set delayMs(ms) {
      state.delayMs = ms;
    },
  };
}

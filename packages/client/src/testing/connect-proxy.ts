import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { listen } from './listen.ts';

export interface ConnectProxy {
  readonly port: number;
  /** What CONNECT was asked for, in order. */
  readonly connected: string[];
  /** All bytes that clients sent through, as latin1. */
  sent: string;
}

/** An HTTP proxy that leads every CONNECT, whatever it names, to one port of this machine. */
export async function startConnectProxy(targetPort: number): Promise<ConnectProxy> {
  const proxy: ConnectProxy & { port: number } = { port: 0, connected: [], sent: '' };
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on('connect', (request, client: Socket, head) => {
    proxy.connected.push(request.url ?? '');
    const upstream = connect(targetPort, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      if (head.length > 0) upstream.write(head);
      client.on('data', chunk => {
        proxy.sent += chunk.toString('latin1');
      });
      client.pipe(upstream).pipe(client);
    });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  proxy.port = await listen(server);
  return proxy;
}

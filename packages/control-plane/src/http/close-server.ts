import type { Server } from 'node:http';
import { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';

/** How long answers that are under way may take once the server is closing. */
const CLOSE_WITHIN_MS = 10_000;

/**
 * Prepares a server to be closed in good time, and returns the function that does it, around `stop`: what is under way
 * is answered, connections that wait for a next request are closed, and so are those that never sent a first one, which
 * node:http takes for busy.
 */
export function closable(server: Server): (stop: () => Promise<void>) => Promise<void> {
  const silent = new Set<Socket>();
  // Requests name the socket that TLS has made of the connection's own.
  server.on(server instanceof HttpsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  server.on('request', ({ socket }) => silent.delete(socket));
  return async stop => {
    const impatience = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS);
    const idle = setInterval(() => {
      server.closeIdleConnections();
      for (const socket of silent) socket.destroy();
    }, 50);
    try {
      await stop();
    } finally {
      clearTimeout(impatience);
      clearInterval(idle);
    }
  };
}

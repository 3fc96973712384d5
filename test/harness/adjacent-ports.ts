import { once } from 'node:events';
import { createServer } from 'node:net';

/** The first of so many ports on 127.0.0.1, one after the other, that are free now: for servers whose workers have their own. */
export async function adjacentPorts(count: number): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const first = 20_000 + Math.floor(Math.random() * 12_000);
    if (await areFree(first, count)) return first;
  }
  throw new Error(`no ${count} ports in a row are free`);
}

async function areFree(first: number, count: number): Promise<boolean> {
  const servers = Array.from({ length: count }, () => createServer());
  try {
    for (const [at, server] of servers.entries()) {
      server.listen(first + at, '127.0.0.1');
      await once(server, 'listening');
    }
    return true;
  } catch {
    return false;
  } finally {
    for (const server of servers) server.close();
  }
}

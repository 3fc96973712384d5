import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Below what Linux gives to those who take any port, so that nobody gets one by chance between our look and its use. */
const first = 12_000;
/** Test runners side by side look in rows of their own. */
const rowLength = 4_000;
const rows = 4;
const row = (Number(process.env.VITEST_POOL_ID) || 0) % rows;
let next = Math.floor(Math.random() * rowLength);

/**
 * Ports on 127.0.0.1 that are free now, all different: for programs that can't be told to take any and say which. Another process could
 * take one in between; the program then fails to start, and says so.
 */
export async function freePorts<const Names extends readonly string[]>(
  ...names: Names
): Promise<Record<Names[number], number>> {
  const held: Server[] = [];
  try {
    const entries: [string, number][] = [];
    for (const name of names) {
      const { server, port } = await holdNext();
      held.push(server);
      entries.push([name, port]);
    }
    return Object.fromEntries(entries) as Record<Names[number], number>;
  } finally {
    for (const server of held) server.close();
  }
}

async function holdNext(): Promise<{ server: Server; port: number }> {
  for (let tries = 0; tries < rowLength; tries++) {
    const port = first + row * rowLength + next;
    next = (next + 1) % rowLength;
    const server = createServer();
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      return { server, port };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
  throw new Error(`no port is free from ${first + row * rowLength} on`);
}

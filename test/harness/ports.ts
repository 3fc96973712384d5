import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/**
 * Ports on 127.0.0.1 that are free now, all different: for programs that can't be told to take any and say which. Another process could
 * take one in between; the program then fails to start, and says so.
 */
export async function freePorts<const Names extends readonly string[]>(
  ...names: Names
): Promise<Record<Names[number], number>> {
  const servers = names.map(() => createServer());
  try {
    const entries = await Promise.all(
      names.map(async (name, index): Promise<[string, number]> => {
        const server = servers[index] ?? createServer();
        server.listen(0, '127.0.0.1');
        await once(server, 'listening');
        return [name, (server.address() as AddressInfo).port];
      }),
    );
    return Object.fromEntries(entries) as Record<Names[number], number>;
  } finally {
    for (const server of servers) server.close();
  }
}

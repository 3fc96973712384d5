import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { connectionsOf, inodesOf } from './connections.ts';

it('counts the connections that came to a port, and not those that wait or went out from it', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'connection');
  const client = connect(port, '127.0.0.1');
  const [socket] = await accepted;
  expect(await connectionsOf(process.pid, [port])).toBe(1);
  expect(await connectionsOf(process.pid, [1])).toBe(0);
  socket.destroy();
  client.destroy();
  server.close();
});

it('reads the table of the kernel', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:237E 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0000 100 0 0 10 0
   1: 0100007F:237E 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 101 1 0000 20 4 30 10 -1
   2: 0100007F:A1B2 0100007F:237E 01 00000000:00000000 00:00000000 00000000     0        0 102 1 0000 20 4 30 10 -1
`;
  expect([...inodesOf(table, [9086])]).toEqual(['socket:[101]']);
});

import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KeyRecord } from '@spanpass/credential';
import type { Stage } from '../../harness/stage.ts';

/** The part of a control plane that an auth server speaks to, with these records and no changes. */
export async function serveRecords(
  stage: Stage,
  token: string,
  records: ReadonlyMap<string, KeyRecord>,
): Promise<{ readonly url: string }> {
  const feeds = new Set<ServerResponse>();
  const heartbeat = 'event: heartbeat\ndata: {"revision":1}\n\n';
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://localhost');
    if (request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401).end();
    } else if (pathname === '/v1/changes') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(heartbeat);
      feeds.add(response);
      response.on('close', () => feeds.delete(response));
    } else {
      const record = records.get(pathname.slice('/v1/keys/'.length));
      response.writeHead(record ? 200 : 404, { 'content-type': 'application/json', 'x-spanpass-revision': '1' });
      response.end(JSON.stringify(record ?? { status: 404, code: 'key_unknown' }));
    }
  });
  const timer = setInterval(() => {
    for (const feed of feeds) feed.write(heartbeat);
  }, 1000);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  stage.defer(() => {
    clearInterval(timer);
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

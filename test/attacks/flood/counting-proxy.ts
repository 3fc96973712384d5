import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Stage } from '../../harness/stage.ts';

/** Stands before a control plane and hands on everything, and counts how often each key is looked up. */
export async function countLookups(
  stage: Stage,
  controlPlanePort: number,
): Promise<{ readonly url: string; readonly lookups: ReadonlyMap<string, number> }> {
  const lookups = new Map<string, number>();
  const server = createServer((incoming, answer) => {
    const kid = /^\/v1\/keys\/([^/?]+)$/.exec(incoming.url ?? '')?.[1];
    if (kid !== undefined) lookups.set(kid, (lookups.get(kid) ?? 0) + 1);
    const { method, url: path, headers } = incoming;
    const outgoing = httpRequest({ host: '127.0.0.1', port: controlPlanePort, method, path, headers }, response => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      answer.flushHeaders();
      response.pipe(answer);
    });
    outgoing.on('error', () => answer.destroy());
    answer.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  stage.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, lookups };
}

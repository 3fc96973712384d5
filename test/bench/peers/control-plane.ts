/**
 * Stands in for the control plane where a bench needs more keys than it wants to register: reads key records from a file,
 * answers look-ups by kid, keeps the change feed alive, and says on `/asked` how often it was asked for which kid at most.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { endWhenTold, sayPort } from './until-told.ts';

export interface Asked {
  readonly lookups: number;
  readonly kids: number;
  readonly mostForOneKid: number;
}

const records = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as { kid: string }[];
const bodies = new Map(records.map(record => [record.kid, JSON.stringify(record)]));
const asked = new Map<string, number>();
const followers = new Set<ServerResponse>();
const heartbeat = `event: heartbeat\ndata: {"revision":1}\n\n`;

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  const kid = pathname.startsWith('/v1/keys/') ? pathname.slice('/v1/keys/'.length) : undefined;
  const body = kid === undefined ? undefined : bodies.get(kid);
  if (kid !== undefined && body !== undefined) {
    asked.set(kid, (asked.get(kid) ?? 0) + 1);
    response.writeHead(200, { 'content-type': 'application/json', 'x-spanpass-revision': '1' }).end(body);
  } else if (pathname === '/v1/changes') {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(heartbeat);
    followers.add(response);
    response.once('close', () => followers.delete(response));
  } else if (pathname === '/asked') {
    const counts = [...asked.values()];
    const lookups = counts.reduce((sum, count) => sum + count, 0);
    const answer: Asked = { lookups, kids: asked.size, mostForOneKid: Math.max(0, ...counts) };
    asked.clear();
    response.end(JSON.stringify(answer));
  } else {
    response.writeHead(404, { 'content-type': 'application/problem+json' }).end('{"code":"not_found"}');
  }
});
setInterval(() => {
  for (const follower of followers) follower.write(heartbeat);
}, 1000).unref();
endWhenTold();
server.listen(0, '127.0.0.1', () => sayPort((server.address() as AddressInfo).port));

/**
 * An auth server that can be asked for its memory after a collection, and told to forget what it decided. In a process of its
 * own, started with `--expose-gc`: `holder CONTROL_PLANE_URL MAX_ENTRIES`. Prints `listening on PORT`, of a port that answers
 * `/port`, `/memory` and `/forget`.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startAuthServer } from '@spanpass/server';
import { endWhenTold, sayPort } from '../peers/until-told.ts';

export interface Memory {
  readonly rssBytes: number;
  /** What lies in the heap, and in buffers beside it. */
  readonly heapBytes: number;
}

const [, , url = '', max = ''] = process.argv;
const auth = await startAuthServer({
  controlPlane: { url, token: 'a-token-of-the-bench', maxRecords: Number(max) },
  maxDecisions: Number(max),
  usageReportEveryMs: 500,
  port: 0,
  http: false,
  metrics: false,
});

/** What is not needed goes back to the system a while after it was collected. */
async function memory(): Promise<Memory> {
  for (let round = 0; round < 4; round++) {
    (globalThis as { gc?: () => void }).gc?.();
    await sleep(150);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rssBytes: rss, heapBytes: heapUsed + external };
}

const server = createServer(async (request, response) => {
  // Other rules begin with nothing decided; the keys stay at hand.
  if (request.url === '/forget') await auth.reload({});
  const answer = request.url === '/memory' ? await memory() : Number(auth.grpcAddress.split(':').at(-1));
  response.end(JSON.stringify(answer));
});
endWhenTold();
server.listen(0, '127.0.0.1', () => sayPort((server.address() as AddressInfo).port));

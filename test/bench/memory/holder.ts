/**
 * What of an auth server remembers, without what speaks to a network: `holder MAX_ENTRIES COUNT`, in a process of its own that was
 * started with `--expose-gc`. It reads COUNT pipeds from its input, as `fleet` prints them, and checks each one's credential as
 * over gRPC; then it prints a MemoryFound.
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyRecord } from '@spanpass/credential';
import { createServer, extAuthzService, pipedJwt } from '@spanpass/server';
import { framedCheckRequest } from '../check-request.ts';
import { keyMemory } from '../simulation/built-parts.ts';

export interface Memory {
  readonly rssBytes: number;
  /** What lies in the heap, and in buffers beside it. */
  readonly heapBytes: number;
}

export interface MemoryFound {
  /** With a record and a decision of each. */
  readonly full: Memory;
  /** With the records alone. */
  readonly forgotten: Memory;
}

type Check = (call: object, callback: (error: null, answer: Buffer) => void) => void;

const [, , max = '', count = ''] = process.argv;
const { cache, compactRecord } = await keyMemory(Number(max));
const keys = { get: (kid: string) => cache.get(kid), peek: (kid: string) => cache.get(kid) };
const metadata = { get: () => [] };

/** Nobody else waits here for his turn. */
const limits = { maxTurnMs: 60_000 };
const newServer = () =>
  extAuthzService(createServer({ authenticators: [pipedJwt({ keys, limits })], maxDecisions: Number(max) }));
let server = newServer();

/** `google.rpc.Status`, the first field of the answer: an empty one is an allow. */
function isAllow(answer: Buffer): boolean {
  return answer[0] === 0x0a && answer[1] === 0;
}

/** What is not needed goes back to the system a while after it was collected. */
async function memory(): Promise<Memory> {
  for (let round = 0; round < 4; round++) {
    (globalThis as { gc?: () => void }).gc?.();
    await sleep(150);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rssBytes: rss, heapBytes: heapUsed + external };
}

async function allows(authorization: string): Promise<boolean> {
  const request = framedCheckRequest(authorization).subarray(5);
  const { check } = server.implementation as unknown as { readonly check: Check };
  return isAllow(await new Promise(resolve => check({ request, metadata }, (_, answer) => resolve(answer))));
}

let allowed = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const [record = '', credential] = line.split('\t');
  const parsed = compactRecord(JSON.parse(record) as KeyRecord);
  cache.put(parsed.kid, parsed);
  if (await allows(`Bearer ${credential}`)) allowed++;
}
if (allowed !== Number(count)) throw new Error(`${allowed} of ${count} good credentials were allowed`);
const full = await memory();
server = newServer();
const found: MemoryFound = { full, forgotten: await memory() };
process.stdout.write(JSON.stringify(found));

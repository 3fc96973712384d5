import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../engines/run.ts';
import { parseH2load } from '../measure/h2load.ts';
import { quantile } from '../measure/statistics.ts';
import { AUTH_SERVER_TOKEN, type FilledRegistry } from './registries.ts';

export interface LookupLoad {
  readonly requests: number;
  /** Connections, each with one request under way, as an auth server's are. */
  readonly connections: number;
  /** All connections together. Default as fast as they are answered. */
  readonly perSecond?: number;
}

export interface LookupResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Looks keys up by kid over HTTP/1.1. Anything but a 200 is an error. */
export async function lookUp(
  h2load: string,
  { url, kids }: FilledRegistry,
  { folder, load: { requests, connections, perSecond } }: { readonly folder: string; readonly load: LookupLoad },
): Promise<LookupResult> {
  const uris = join(folder, 'lookups.txt');
  const log = join(folder, 'lookups.log');
  await writeFile(uris, kids.map(kid => `${url}/v1/keys/${kid}\n`).join(''));
  await writeFile(log, '');
  const rate = perSecond === undefined ? [] : [`--rps=${perSecond / connections}`];
  const args = ['--h1', '-n', String(requests), '-c', String(connections), '-i', uris, `--log-file=${log}`, ...rate];
  const output = await run(h2load, [...args, '-H', `authorization: Bearer ${AUTH_SERVER_TOKEN}`], {
    timeoutMs: 300_000,
  });
  const measured = parseH2load(output, requests);
  // When it was sent, in microseconds; its status; how long it took, in microseconds.
  const latencies = (await readFile(log, 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map(line => Number(line.split('\t')[2]) / 1000);
  return {
    perSecond: measured.perSecond,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
}

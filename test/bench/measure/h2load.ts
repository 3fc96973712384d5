import { run } from '../../engines/run.ts';
import { onCore } from './on-core.ts';

export interface Load {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** File with the body of each request. */
  readonly bodyFile: string;
  readonly requests: number;
  /** HTTP/2 connections, and requests under way on each. */
  readonly connections: number;
  readonly streams: number;
  /** The one core that it may use. Default any. */
  readonly core?: number | undefined;
}

export interface LoadResult {
  readonly seconds: number;
  readonly perSecond: number;
}

const UNITS = { s: 1, ms: 1e-3, us: 1e-6 } as const;

/** Loads an HTTP/2 server in clear text with the same request again and again. Anything but a 2xx to each is an error. */
export async function h2load(program: string, load: Load): Promise<LoadResult> {
  const { url, headers, bodyFile, requests, connections, streams, core } = load;
  const clients = Math.min(connections, requests);
  const [command, args] = onCore(core, program, [
    ...['-n', String(requests), '-c', String(clients), '-m', String(streams), '-d', bodyFile],
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
    url,
  ]);
  return parseH2load(await run(command, args, { timeoutMs: 300_000 }), requests);
}

/** @throws Error unless each request was answered with a 2xx */
export function parseH2load(output: string, requests: number): LoadResult {
  const [, amount = '', unit = 's'] = /^finished in ([\d.]+)(s|ms|us),/m.exec(output) ?? [];
  const succeeded = Number(/^status codes: (\d+) 2xx/m.exec(output)?.[1]);
  const seconds = Number(amount) * UNITS[unit as keyof typeof UNITS];
  if (amount === '' || succeeded !== requests) {
    throw new Error(`h2load: ${succeeded} of ${requests} requests were answered with a 2xx; it printed:\n${output}`);
  }
  return { seconds, perSecond: requests / seconds };
}

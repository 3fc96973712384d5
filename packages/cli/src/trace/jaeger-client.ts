import { z } from 'zod';
import { Failure, oneLine } from '../failure.ts';

const tag = z.object({ key: z.string(), value: z.unknown() });
const id = z.string().regex(/^[0-9a-f]{1,32}$/i);

const span = z.object({
  spanID: id,
  operationName: z.string(),
  references: z
    .array(z.object({ refType: z.string(), traceID: z.string(), spanID: id }))
    .nullish()
    .transform(references => references ?? []),
  /** Microseconds since 1970. */
  startTime: z.int().nonnegative(),
  /** Microseconds. */
  duration: z.int().nonnegative(),
  tags: z
    .array(tag)
    .nullish()
    .transform(tags => tags ?? []),
  processID: z.string(),
});

const trace = z.object({
  traceID: id,
  spans: z.array(span),
  processes: z.record(
    z.string(),
    z.object({
      serviceName: z.string(),
      tags: z
        .array(tag)
        .nullish()
        .transform(tags => tags ?? []),
    }),
  ),
});

const answer = z.object({ data: z.array(trace).nullish() });

export type JaegerTrace = z.output<typeof trace>;
export type JaegerSpan = z.output<typeof span>;

export interface JaegerClientOptions {
  /** Of the query API: `/api/traces` is added. */
  readonly baseUrl: string;
  readonly stop: AbortSignal;
  /** Default 10,000. */
  readonly timeoutMs?: number;
  /** Of an answer. Default 32 MiB. */
  readonly maxBytes?: number;
}

const MIB = 1024 * 1024;

/**
 * Asks a Jaeger-compatible query API. An id that is not known is an empty list.
 *
 * @throws Failure one line: not reached, not in time, too much, or no such API
 */
export async function queryJaeger(
  { baseUrl, stop, timeoutMs = 10_000, maxBytes = 32 * MIB }: JaegerClientOptions,
  path: string,
): Promise<JaegerTrace[]> {
  const url = `${baseUrl.replace(/\/+$/, '')}/api/traces${path}`;
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, { signal: AbortSignal.any([limit, stop]), redirect: 'error' });
    const text = await textWithin(response, maxBytes);
    if (response.status === 404 && isJson(text)) return [];
    if (!response.ok) throw new Failure(`${baseUrl} answers ${response.status}: ${oneLine(text.slice(0, 200))}`);
    const parsed = answer.safeParse(jsonOf(text));
    if (!parsed.success) throw new Failure(`${baseUrl} is no query API of Jaeger's: check --jaeger`);
    return parsed.data.data ?? [];
  } catch (error) {
    if (error instanceof Failure || stop.aborted) throw error;
    if (limit.aborted) throw new Failure(`${baseUrl} did not answer within ${timeoutMs / 1000} s`);
    throw new Failure(`can't reach ${baseUrl} (${oneLine(error)}): name a query API of Jaeger's with --jaeger`);
  }
}

async function textWithin(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new Failure(
        `the answer is larger than ${Math.floor(maxBytes / MIB)} MiB: ask for less, with --limit or --since`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function isJson(text: string): boolean {
  return jsonOf(text) !== undefined;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

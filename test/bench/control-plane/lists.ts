import { quantile } from '../measure/statistics.ts';
import { ADMIN_TOKEN, type FilledRegistry } from './registries.ts';

export interface ListResult {
  readonly pages: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface Walk extends ListResult {
  /** Where each page but the first began. */
  readonly places: readonly string[];
}

/** Reads the list of pipeds from its first page to its last, and how long each page took. */
export async function walkList({ url, pipeds }: FilledRegistry, { limit }: { readonly limit: number }): Promise<Walk> {
  const latencies: number[] = [];
  const places: string[] = [];
  let seen = 0;
  for (let after: string | undefined; ; ) {
    const { page, ms } = await readPage(url, { limit: String(limit), ...(after && { after }) });
    latencies.push(ms);
    seen += page.items.length;
    if (page.next === undefined) break;
    after = page.next;
    places.push(after);
  }
  if (seen < pipeds) throw new Error(`${seen} of ${pipeds} pipeds`);
  return { ...resultOf(latencies), places };
}

/** Reads one page from each of these places on, and each with these filters. */
export async function readPlaces(
  { url }: FilledRegistry,
  places: readonly string[],
  ...queries: readonly Readonly<Record<string, string>>[]
): Promise<ListResult> {
  const latencies: number[] = [];
  for (const after of places)
    for (const query of queries) latencies.push((await readPage(url, { ...query, after })).ms);
  return resultOf(latencies);
}

/** So many of them, from the first to the last, equally far apart. */
export function spread<T>(values: readonly T[], count: number): readonly T[] {
  if (values.length <= count) return values;
  const step = (values.length - 1) / (count - 1);
  return Array.from({ length: count }, (_, at) => values[Math.round(at * step)] as T);
}

async function readPage(url: string, query: Readonly<Record<string, string>>) {
  const askedAt = performance.now();
  const response = await fetch(`${url}/v1/pipeds?${new URLSearchParams(query)}`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  const page = (await response.json()) as { items: unknown[]; next?: string };
  const ms = performance.now() - askedAt;
  if (response.status !== 200) throw new Error(`a page of pipeds: ${response.status} ${JSON.stringify(page)}`);
  return { page, ms };
}

function resultOf(latencies: readonly number[]): ListResult {
  return {
    pages: latencies.length,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    maxMs: quantile(latencies, 1),
  };
}

import { quantile } from '../measure/statistics.ts';
import { ADMIN_TOKEN, type FilledRegistry } from './registries.ts';

export interface ListResult {
  readonly pages: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Reads a list from its first page to its last, and how long each page took. */
export async function walkList(
  { url }: FilledRegistry,
  { path, limit, items }: { readonly path: string; readonly limit: number; readonly items: number },
): Promise<ListResult> {
  const latencies: number[] = [];
  let seen = 0;
  for (let after = ''; ; ) {
    const askedAt = performance.now();
    const response = await fetch(`${url}${path}?limit=${limit}${after}`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    const page = (await response.json()) as { items: unknown[]; next?: string };
    latencies.push(performance.now() - askedAt);
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${JSON.stringify(page)}`);
    seen += page.items.length;
    if (page.next === undefined) break;
    after = `&after=${page.next}`;
  }
  if (seen < items) throw new Error(`${path}: ${seen} of ${items} items`);
  return {
    pages: latencies.length,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    maxMs: quantile(latencies, 1),
  };
}

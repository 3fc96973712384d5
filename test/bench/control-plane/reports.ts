import { AUTH_SERVER_TOKEN, type FilledRegistry } from './registries.ts';

export interface ReportsResult {
  /** Keys whose last use was noted. */
  readonly entries: number;
  readonly perSecond: number;
}

/** The most that a report may have. */
const EACH = 500;

/** Reports the last use of keys, as auth servers do, one report after the other. */
export async function reportUse({ url, kids }: FilledRegistry, reports: number): Promise<ReportsResult> {
  const startedAt = performance.now();
  let taken = 0;
  for (let report = 0; report < reports; report++) {
    const lastUsedAt = Math.floor(Date.now() / 1000);
    const from = (report * EACH) % kids.length;
    const keys = kids.slice(from, from + EACH).map(kid => ({ kid, lastUsedAt }));
    const answer = await fetch(`${url}/v1/reports/usage`, {
      method: 'POST',
      headers: { authorization: `Bearer ${AUTH_SERVER_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ keys, refusals: [], pipeds: [], dropped: 0 }),
    });
    const body = await answer.text();
    if (answer.status !== 200) throw new Error(`a report of use: ${answer.status} ${body}`);
    taken += (JSON.parse(body) as { taken: number }).taken;
  }
  return { entries: taken, perSecond: taken / ((performance.now() - startedAt) / 1000) };
}

import { Agent, request } from 'node:http';
import { quantile } from '../measure/statistics.ts';
import { pipedNumber } from './fill.ts';
import { ADMIN_TOKEN, type FilledRegistry } from './registries.ts';

/** As many as there are look-ups under way at the same time. */
const LANES = 16;

export interface CreationResult {
  readonly perSecond: number;
  readonly p99Ms: number;
}

/** Has a second key made for so many pipeds, from all over the registry. */
export async function createKeys(
  { url, pipeds }: FilledRegistry,
  { count, from = 0 }: { readonly count: number; readonly from?: number },
): Promise<CreationResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: LANES });
  const latencies: number[] = [];
  const step = Math.floor(pipeds / count) || 1;
  let next = 0;
  const startedAt = performance.now();
  try {
    await Promise.all(
      Array.from({ length: LANES }, async () => {
        while (next < count) {
          const { project, piped } = pipedNumber((next++ * step + from) % pipeds);
          const askedAt = performance.now();
          const status = await post(agent, `${url}/v1/projects/${project}/pipeds/${piped}/keys`, '{"generate":true}');
          if (status !== 201) throw new Error(`a key for ${piped} of ${project}: ${status}`);
          latencies.push(performance.now() - askedAt);
        }
      }),
    );
  } finally {
    agent.destroy();
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { perSecond: count / seconds, p99Ms: quantile(latencies, 0.99) };
}

function post(agent: Agent, url: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' };
    const call = request(url, { method: 'POST', agent, headers }, response => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    });
    call.once('error', reject).end(body);
  });
}

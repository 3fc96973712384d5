/**
 * Shows the same credential at a steady rate, whatever the answers take, and prints a SteadyResult when it is told to end.
 * A process of its own, so that nobody else's work is measured.
 */
import { CHECK_PATH, framedCheckRequest } from '../check-request.ts';
import { quantile } from '../measure/statistics.ts';
import { call, checkStatus, openSession } from './http2-calls.ts';

export interface SteadyResult {
  readonly checks: number;
  readonly refused: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const [, , port, perSecond, credential] = process.argv;
const session = await openSession(Number(port));
const request = framedCheckRequest(`Bearer ${credential}`);
const latencies: number[] = [];
let refused = 0;

async function check(): Promise<void> {
  const askedAt = performance.now();
  const status = checkStatus(await call(session, CHECK_PATH, request));
  latencies.push(performance.now() - askedAt);
  if (status !== 0) refused++;
}

await check();
latencies.length = 0;
const timer = setInterval(() => check().catch(() => refused++), 1000 / Number(perSecond));
process.once('SIGTERM', () => {
  clearInterval(timer);
  const result: SteadyResult = {
    checks: latencies.length,
    refused,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
  process.stdout.write(JSON.stringify(result), () => process.exit(0));
});
process.stdout.write('ready\n');

import { CHECK_PATH, framedCheckRequest } from '../check-request.ts';
import { quantile } from '../measure/statistics.ts';
import { call, checkStatus, openSession } from './http2-calls.ts';

export interface DriveOptions {
  readonly port: number;
  /** One check each, in this order. */
  readonly authorizations: readonly string[];
  readonly connections: number;
  /** Checks under way on each connection. */
  readonly streams: number;
}

export interface DriveResult {
  readonly seconds: number;
  /** Answers by the code in their status; 0 is an allow. */
  readonly answers: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Asks about each of these credentials once, so many at a time, and looks at each answer. */
export async function answerAll({ port, authorizations, connections, streams }: DriveOptions): Promise<DriveResult> {
  const requests = authorizations.map(framedCheckRequest);
  const sessions = await Promise.all(Array.from({ length: connections }, () => openSession(port)));
  const answers: Record<string, number> = {};
  const latencies: number[] = [];
  let next = 0;
  const lanes = sessions.flatMap(session =>
    Array.from({ length: streams }, async () => {
      for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
        const askedAt = performance.now();
        const status = await call(session, CHECK_PATH, request).then(checkStatus, error => String(error.code));
        latencies.push(performance.now() - askedAt);
        answers[status] = (answers[status] ?? 0) + 1;
      }
    }),
  );
  const startedAt = performance.now();
  await Promise.all(lanes);
  const seconds = (performance.now() - startedAt) / 1000;
  for (const session of sessions) session.close();
  return {
    seconds,
    answers,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    maxMs: quantile(latencies, 1),
  };
}

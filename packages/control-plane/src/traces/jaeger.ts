import { z } from 'zod';
import { bytesWithin } from '../fetch-within.ts';
import { Refusal } from '../problems/refusal.ts';

const MAX_BYTES = 16 << 20;
const TIMEOUT_MS = 10_000;

const orNone = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform(items => items ?? []);
const tag = z.object({ key: z.string(), value: z.unknown() });

const answerSchema = z.object({
  data: orNone(
    z.object({
      traceID: z.string(),
      spans: z.array(
        z.object({
          spanID: z.string(),
          operationName: z.string(),
          references: orNone(z.object({ refType: z.string(), traceID: z.string(), spanID: z.string() })),
          /** Microseconds, as `duration`. */
          startTime: z.number(),
          duration: z.number(),
          tags: orNone(tag),
          processID: z.string(),
        }),
      ),
      processes: z.record(z.string(), z.object({ tags: orNone(tag) })),
    }),
  ),
});

export type JaegerTrace = z.output<typeof answerSchema>['data'][number];
export type JaegerSpan = JaegerTrace['spans'][number];

/** A query API of Jaeger's (`/api/traces`), asked within bounds of size and time. */
export class JaegerQuery {
  readonly #baseUrl: string;

  constructor(baseUrl: string) {
    this.#baseUrl = baseUrl.replace(/\/+$/, '');
  }

  /**
   * @param path behind `/api/traces`
   * @returns nothing for a trace that is not known there
   * @throws Refusal `traces_unavailable`
   */
  async ask(path: string): Promise<JaegerTrace[]> {
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const response = await fetch(`${this.#baseUrl}/api/traces${path}`, { signal, redirect: 'error' });
      if (response.status === 404) {
        await response.body?.cancel();
        return [];
      }
      if (!response.ok) throw new Error(`status ${response.status}`);
      return answerSchema.parse(JSON.parse((await bytesWithin(response, MAX_BYTES)).toString('utf8'))).data;
    } catch (cause) {
      const detail = 'the store of traces did not answer, not in time, or with too much: see jaegerUrl';
      throw new Refusal('traces_unavailable', detail, { retryAfterSeconds: 5, cause });
    }
  }
}

import { readFileSync } from 'node:fs';
import { until } from '../../durable/testing/scratch.ts';

/** A busy machine gives a process little to do in its time, so a life is measured by what it did. */
export async function untilSpans(spansFile: string, count: number): Promise<void> {
  const written = () => readFileSync(spansFile, 'utf8').split('\n').length - 1;
  await until(`${count} spans of a piped`, () => written() >= count, 60_000);
}

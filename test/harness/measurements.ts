import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repoRoot } from '../engines/root.ts';

/** Keeps what a suite measured as `.reports/<name>.json`, and prints it as one line. */
export async function keepMeasurements(name: string, values: Readonly<Record<string, unknown>>): Promise<void> {
  const folder = join(repoRoot, '.reports');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(values, undefined, 2)}\n`);
  process.stdout.write(`${name}: ${JSON.stringify(values)}\n`);
}

/** The value that this share of all values does not exceed; of none, NaN. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repoRoot, testRoot } from '../engines/root.ts';
import type { Report } from './report.ts';

export const pagePath = join(repoRoot, 'docs', 'losing-nothing.md');

/** The committed runs of the long profile, by their seed. */
export async function committedReports(): Promise<Report[]> {
  const folder = join(testRoot, 'chaos', 'reports');
  const files = (await readdir(folder)).filter(file => file.endsWith('.json'));
  const reports = await Promise.all(files.map(async file => JSON.parse(await readFile(join(folder, file), 'utf8'))));
  return (reports as Report[]).sort((a, b) => a.seed - b.seed);
}

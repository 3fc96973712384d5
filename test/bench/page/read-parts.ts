import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { testRoot } from '../../engines/root.ts';
import type { PageParts } from '../document.ts';
import type { Profiles } from '../profiles.ts';
import type { Results } from '../results.ts';

/** What the page says beside the figures of the run. */
export async function readParts(): Promise<PageParts> {
  const bench = join(testRoot, 'bench');
  const profiles = JSON.parse(await readFile(join(bench, 'results', 'profiles.json'), 'utf8')) as Profiles;
  const memory = await readFile(join(bench, 'results', 'memory.json'), 'utf8').catch(() => undefined);
  const parts = memory === undefined ? {} : { memory: JSON.parse(memory) as Results };
  return { ...parts, profiles, tried: await readFile(join(bench, 'page', 'tried.md'), 'utf8') };
}

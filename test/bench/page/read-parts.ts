import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { testRoot } from '../../engines/root.ts';
import type { PageParts } from '../document.ts';
import type { Profiles } from '../profiles.ts';

/** What the page says beside the figures of the run. */
export async function readParts(): Promise<PageParts> {
  const bench = join(testRoot, 'bench');
  const profiles = JSON.parse(await readFile(join(bench, 'results', 'profiles.json'), 'utf8')) as Profiles;
  return { profiles, tried: await readFile(join(bench, 'page', 'tried.md'), 'utf8') };
}

/** Writes `docs/performance.md`: `npm run bench:page -w test`. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repoRoot, testRoot } from '../engines/root.ts';
import { performancePage } from './document.ts';
import type { Results } from './results.ts';

const results = JSON.parse(await readFile(join(testRoot, 'bench', 'results', 'measured.json'), 'utf8')) as Results;
await writeFile(join(repoRoot, 'docs', 'performance.md'), performancePage(results));

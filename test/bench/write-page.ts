/** Simulates with what was measured, and writes `docs/performance.md` and `docs/scaling.md`: `npm run bench:page -w test`. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repoRoot, testRoot } from '../engines/root.ts';
import type { ScaleResults } from './control-plane/run.ts';
import { performancePage } from './document.ts';
import { readParts } from './page/read-parts.ts';
import type { Results } from './results.ts';
import { figuresOf } from './simulation/figures.ts';
import { scalingPage } from './simulation/page.ts';
import { simulate } from './simulation/run.ts';

const results = join(testRoot, 'bench', 'results');
const read = async <T>(name: string) => JSON.parse(await readFile(join(results, name), 'utf8')) as T;

const checks = await read<Results>('measured.json');
await writeFile(join(repoRoot, 'docs', 'performance.md'), performancePage(checks, await readParts()));

const scale = await read<ScaleResults>('control-plane.json');
const simulation = await simulate(figuresOf(checks, scale), line => process.stderr.write(`simulation: ${line}\n`));
await writeFile(join(results, 'simulation.json'), `${JSON.stringify(simulation, undefined, 2)}\n`);
await writeFile(join(repoRoot, 'docs', 'scaling.md'), scalingPage(scale, simulation));

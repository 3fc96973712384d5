import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { repoRoot, testRoot } from '../../engines/root.ts';
import type { ScaleResults } from '../control-plane/run.ts';
import type { Results } from '../results.ts';
import { figuresOf } from './figures.ts';
import { scalingPage } from './page.ts';
import type { SimulationResults } from './run.ts';

const read = async <T>(name: string) =>
  JSON.parse(await readFile(join(testRoot, 'bench', 'results', name), 'utf8')) as T;
const checks = await read<Results>('measured.json');
const scale = await read<ScaleResults>('control-plane.json');
const simulation = await read<SimulationResults>('simulation.json');

it('was simulated with what was measured: npm run bench:page -w test', () => {
  expect(simulation.figures).toEqual(figuresOf(checks, scale));
});

it('docs/scaling.md says what was measured and simulated: npm run bench:page -w test', async () => {
  expect(await readFile(join(repoRoot, 'docs', 'scaling.md'), 'utf8')).toBe(scalingPage(scale, simulation));
});

it('takes another run for another page', () => {
  const { postgres } = scale.databases;
  if (postgres === undefined) throw new Error('not measured on PostgreSQL');
  const other = { ...scale, databases: { postgres: { ...postgres, lookupMicros: postgres.lookupMicros * 2 } } };
  expect(figuresOf(checks, other)).not.toEqual(simulation.figures);
  const metered = { ...scale, databases: { postgres: { ...postgres, eventMicros: 12.5 } } };
  expect(figuresOf(checks, metered).writeMicros).toBe(12.5);
  expect(scalingPage(metered, simulation)).toContain('`control-plane.json`, `eventMicros`');
  expect(() => figuresOf(checks, { ...scale, databases: {} })).toThrow('not measured on PostgreSQL');
});

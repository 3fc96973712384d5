import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repoRoot, testRoot } from '../engines/root.ts';
import { performancePage } from './document.ts';
import { readParts } from './page/read-parts.ts';
import type { Results } from './results.ts';
import { round } from './table.ts';
import { isMet, TARGETS } from './targets.ts';

const results = JSON.parse(await readFile(join(testRoot, 'bench', 'results', 'measured.json'), 'utf8')) as Results;

const withMedians = (medians: Readonly<Record<string, Readonly<Record<string, number>>>>): Results => ({
  ...results,
  groups: [
    {
      group: 'server',
      loadAtEnd: 2,
      rows: Object.entries(medians).map(([id, figures]) => ({
        id,
        label: id,
        figures: Object.fromEntries(
          Object.entries(figures).map(([name, median]) => [name, { median, min: median, max: median }]),
        ),
      })),
    },
  ],
});

describe('docs/performance.md', () => {
  it('says what the committed run found: npm run bench:page -w test', async () => {
    expect(await readFile(join(repoRoot, 'docs', 'performance.md'), 'utf8')).toBe(
      performancePage(results, await readParts()),
    );
  });

  it('says so if others used the machine', () => {
    const on = (loadAtStart: number) => performancePage({ ...results, machine: { ...results.machine, loadAtStart } });
    expect(on(0.2)).not.toContain('was not quiet');
    expect(on(3)).toContain('**The machine was not quiet**: the load average was 3.00');
  });

  it('reckons how far workers go from what two of them took', () => {
    const took = (cpuMicros: number) =>
      withMedians({
        'workers/1': { cpuMicros: 40 },
        'workers/2-own': { cpuMicros, gatewayMicros: cpuMicros },
      });
    // Half of the cores each, seven tenths of them at work: 0.7 s of 50 µs.
    expect(performancePage(took(50))).toMatch(/\| 2 +\| +1 \| +1 \| +14,000 \| +70,000 \| +100 % \|/);
    expect(performancePage(took(50))).toContain('which is 1.25 times');
    expect(performancePage(withMedians({}))).not.toContain('Beyond two cores');
  });

  it('takes memory from the run of its own', () => {
    const of = (label: string): Results => ({
      ...results,
      groups: [{ group: 'memory', loadAtEnd: 0, rows: [{ id: 'memory/1000', label, figures: {} }] }],
    });
    const page = performancePage(of('beside all else'), { memory: of('by itself') });
    expect(page).toContain('| by itself');
    expect(page).not.toContain('beside all else');
  });

  it('says of each aim whether it was met, by what was measured', () => {
    const [grpc] = TARGETS;
    if (grpc === undefined) throw new Error('no aims');
    const beside = (echo: number) =>
      withMedians({ 'server/spanpass': { cpuMicros: 40 }, 'server/grpc-echo': { cpuMicros: echo } });
    expect(isMet(grpc, beside(39))).toBe(true);
    expect(isMet(grpc, beside(30))).toBe(false);
    expect(isMet(grpc, withMedians({}))).toBeUndefined();
    expect(performancePage(beside(30))).toMatch(/bare grpc-js echo +\| +at most 1\.1 \| +1\.33 \| \*\*no\*\* \|/);
  });
});

it.each([
  [0, '0'],
  [0.1234, '0.12'],
  [5.678, '5.68'],
  [45.67, '45.7'],
  [456.7, '457'],
  [12_345, '12,300'],
])('rounds %s to %s', (value, text) => expect(round(value)).toBe(text));

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { cpuMicros, residentKib } from './cpu.ts';
import { parseH2load } from './h2load.ts';
import { onCore } from './on-core.ts';
import { quantile, summarise } from './statistics.ts';

const output = (finished: string, codes: string) =>
  `starting benchmark...\n\nfinished in ${finished}, 18018.02 req/s, 3.14MB/s\nrequests: 100 total, 100 started\n${codes}\n`;

describe('what h2load printed', () => {
  it.each([
    ['2.00s', 2],
    ['145.32ms', 0.145_32],
    ['900us', 0.0009],
  ])('is read, with a time of %s', (finished, seconds) => {
    const result = parseH2load(output(finished, 'status codes: 100 2xx, 0 3xx, 0 4xx, 0 5xx'), 100);
    expect(result.seconds).toBeCloseTo(seconds, 9);
    expect(result.perSecond).toBeCloseTo(100 / seconds, 3);
  });

  it.each([
    ['an answer is missing', output('2.00s', 'status codes: 99 2xx, 0 3xx, 0 4xx, 0 5xx')],
    ['one is no 2xx', output('2.00s', 'status codes: 99 2xx, 0 3xx, 1 4xx, 0 5xx')],
    ['there is no time', 'status codes: 100 2xx'],
  ])('is an error where %s', (_, text) => {
    expect(() => parseH2load(text, 100)).toThrow('of 100 requests were answered with a 2xx');
  });
});

describe('rounds', () => {
  it('come to a median and what lies around it', () => {
    expect(summarise([5, 1, 9])).toEqual({ median: 5, min: 1, max: 9 });
    expect(summarise([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
    expect(quantile([10, 20], 0.25)).toBe(12.5);
    expect(() => summarise([])).toThrow(RangeError);
  });
});

describe('a process', () => {
  it('is pinned by a program that becomes it', () => {
    expect(onCore(1, 'node', ['a.js'])).toEqual(['taskset', ['-c', '1', 'node', 'a.js']]);
    expect(onCore(undefined, 'node', ['a.js'])).toEqual(['node', ['a.js']]);
  });

  it.skipIf(process.platform !== 'linux')('is asked what it used of processor and memory', async () => {
    const busy = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
    try {
      const pid = busy.pid ?? 0;
      const before = await cpuMicros(pid);
      while ((await cpuMicros(pid)) < before + 20_000) await new Promise(resolve => setTimeout(resolve, 20));
      expect(await residentKib(pid)).toBeGreaterThan(1000);
    } finally {
      const end = once(busy, 'exit');
      busy.kill('SIGKILL');
      await end;
    }
  });
});

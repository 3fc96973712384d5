import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { kill, startChild } from '../durable/testing/child-process.ts';
import { scratchFolder, seeded } from '../durable/testing/scratch.ts';
import { traceIdOf } from '../ids.ts';
import { type ExportedSpan, flawsOf } from './testing/journal-bench.ts';
import { untilSpans } from './testing/life.ts';
import type { PipedChildOptions } from './testing/piped-child.ts';

let scratch: ReturnType<typeof scratchFolder>;
let children: ChildProcess[];
beforeEach(() => {
  scratch = scratchFolder();
  children = [];
});
afterEach(async () => {
  for (const child of children) await kill(child);
  scratch[Symbol.dispose]();
});

const folder = () => join(scratch.path, 'journals');

async function piped(seed: number, more: Partial<PipedChildOptions> = {}): Promise<ChildProcess> {
  const run = children.length;
  const spansFile = join(scratch.path, `${run}.spans`);
  const startedFile = join(scratch.path, `${run}.started`);
  const options = { folder: folder(), seed: seed * 1_000 + run, spansFile, startedFile, ...more };
  const child = await startChild('../../journal/testing/piped-child', options);
  children.push(child);
  return child;
}

/** Whole lines: a kill may tear the last one. */
function lines(ending: string): string[] {
  const files = readdirSync(scratch.path).filter(file => file.endsWith(ending));
  return files.flatMap(file => readFileSync(join(scratch.path, file), 'utf8').split('\n').slice(0, -1));
}

async function expectWholeTrees(): Promise<{ readonly spans: ExportedSpan[]; readonly started: string[] }> {
  const last = await piped(0, { finish: true });
  if (last.exitCode === null) await once(last, 'exit');
  expect(last.exitCode).toBe(0);
  expect(readdirSync(folder())).toEqual(['owners']);
  const spans = lines('.spans').map(line => JSON.parse(line) as ExportedSpan);
  const started = lines('.started');
  expect(flawsOf(spans)).toEqual([]);
  const roots = new Set(spans.filter(span => span.parentId === undefined).map(span => span.traceId));
  expect(started.filter(id => !roots.has(traceIdOf(id)))).toEqual([]);
  return { spans, started };
}

const interrupted = (spans: ExportedSpan[]) =>
  spans.filter(span => JSON.stringify(span.content).includes('process ended')).length;

describe('killed -9 at any time, and started again', () => {
  test.each([1, 2])('one tree for each deployment (seed %d)', { timeout: 240_000 }, async seed => {
    const random = seeded(seed);
    for (let run = 0; run < 12; run++) {
      const child = await piped(seed);
      await untilSpans(join(scratch.path, `${run}.spans`), Math.floor(random() * random() * 160));
      await delay(random() * 4);
      await kill(child);
    }
    const { spans, started } = await expectWholeTrees();
    expect(started.length).toBeGreaterThan(20);
    expect(interrupted(spans)).toBeGreaterThan(20);
  });

  test('two that share a folder: frozen ones are left alone', { timeout: 240_000 }, async () => {
    const random = seeded(3);
    const pair = [await piped(31), await piped(32)];
    for (let run = 0; run < 10; run++) {
      await delay(random() * 200);
      const [victim, other] = run % 2 === 0 ? pair : pair.toReversed();
      if (!victim || !other) break;
      other.kill('SIGSTOP');
      await kill(victim);
      const next = await piped(40 + run);
      await untilSpans(join(scratch.path, `${children.length - 1}.spans`), Math.floor(30 + random() * 60));
      other.kill('SIGCONT');
      pair.splice(pair.indexOf(victim), 1, next);
    }
    for (const child of pair) await kill(child);
    const { spans, started } = await expectWholeTrees();
    expect(started.length).toBeGreaterThan(20);
    expect(interrupted(spans)).toBeGreaterThan(20);
  });
});

test('killed with a torn tail in its journal', { timeout: 120_000 }, async () => {
  const child = await piped(5);
  await untilSpans(join(scratch.path, '0.spans'), 40);
  await kill(child);
  for (const file of readdirSync(folder()).filter(name => name !== 'owners')) {
    const path = join(folder(), file);
    appendFileSync(path, readFileSync(path).subarray(0, 150));
  }
  await expectWholeTrees();
});

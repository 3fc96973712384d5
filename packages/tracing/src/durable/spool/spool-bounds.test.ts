import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ALL, SpoolBench, takeAll } from '../testing/spool-bench.ts';
import { dropsIn } from './ledger.ts';

const DAY_MS = 24 * 3_600_000;

let bench: SpoolBench;
beforeEach(() => {
  bench = new SpoolBench();
});
afterEach(() => bench[Symbol.dispose]());

describe('bounds', () => {
  it('on bytes: the oldest go, counted, logged and remembered', async () => {
    await using spool = bench.open({ maxBytes: 64 * 1024 });
    for (let i = 0; i < 200; i++) spool.append('traces', Buffer.from(String(i).padEnd(1_000)), 2);
    expect(spool.stats().diskBytes).toBeLessThanOrEqual(64 * 1024);
    const kept = (await takeAll(spool)).map(Number);
    expect(kept.at(-1)).toBe(199);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => 200 - kept.length + i));
    const dropped = 2 * (200 - kept.length);
    expect(spool.stats().dropped).toEqual({ bytes: dropped });
    expect(bench.log.containing('the spool is full')).toHaveLength(1);
    expect(sum(dropsIn(bench.folder).map(drop => drop.items))).toBe(dropped);
  });

  it('on bytes, where that is asked for: what is new is refused, what is stored stays', async () => {
    await using spool = bench.open({ maxBytes: 64 * 1024, whenFull: 'refuse' });
    const results = Array.from({ length: 200 }, (_, i) => spool.append('traces', Buffer.from(String(i).padEnd(1_000))));
    const stored = results.filter(result => result.kind === 'stored').length;
    expect(results.at(-1)).toEqual({ kind: 'refused', reason: 'full' });
    await spool.keepHouse();
    expect(spool.stats().diskBytes).toBeLessThanOrEqual(64 * 1024);
    expect((await takeAll(spool)).map(Number)).toEqual(Array.from({ length: stored }, (_, i) => i));
    expect(spool.stats().dropped).toEqual({ full: 200 - stored });
    expect(spool.append('traces', Buffer.alloc(1_000))).toEqual({ kind: 'stored' });
  });

  it('on bytes: a batch under way is not dropped, the next oldest is', async () => {
    await using spool = bench.open({ maxBytes: 64 * 1024 });
    spool.append('traces', Buffer.from('0'.padEnd(1_000)));
    await using batch = await spool.take('traces', ALL);
    for (let i = 1; i < 200; i++) spool.append('traces', Buffer.from(String(i).padEnd(1_000)));
    batch?.acknowledge(1);
    await batch?.release();
    const kept = (await takeAll(spool)).map(Number);
    expect(kept[0]).toBe(1);
    expect(kept.length).toBeLessThan(65);
    expect(kept.length + (spool.stats().dropped.bytes ?? 0)).toBe(199);
  });

  it('on bytes, of all processes together: who holds the oldest drops first', async () => {
    const maxBytes = 256 * 1024;
    await using first = bench.open({ maxBytes });
    for (let i = 0; i < 100; i++) first.append('traces', Buffer.alloc(1_000));
    bench.clock.advance(1);
    await using second = bench.open({ maxBytes });
    await second.keepHouse();
    for (let i = 0; i < 140; i++) second.append('traces', Buffer.alloc(1_000));
    await first.keepHouse();
    expect(second.stats().dropped).toEqual({});
    expect(first.stats().dropped.bytes).toBeGreaterThan(0);
    expect(first.stats().diskBytes).toBeLessThanOrEqual(maxBytes);
  });

  it('on age: what is older is dropped, record by record', async () => {
    await using spool = bench.open({ maxAgeMs: DAY_MS });
    spool.append('traces', Buffer.from('old'), 3);
    bench.clock.advance(DAY_MS);
    spool.append('traces', Buffer.from('new'));
    bench.clock.advance(1);
    expect(await takeAll(spool)).toEqual(['new']);
    expect(spool.stats().dropped).toEqual({ age: 3 });
    expect(dropsIn(bench.folder)).toMatchObject([{ reason: 'age', items: 3, kind: 'traces' }]);
  });

  it('on age: also when nobody takes anything', async () => {
    await using spool = bench.open({ maxAgeMs: DAY_MS });
    spool.append('traces', Buffer.from('old'));
    bench.clock.advance(DAY_MS + 1);
    await spool.keepHouse();
    expect(spool.stats()).toMatchObject({ dropped: { age: 1 }, pending: { records: 0 } });
  });

  it('on age: a clock that is set at last makes nothing old', async () => {
    await using spool = bench.open({ maxAgeMs: DAY_MS });
    spool.append('traces', Buffer.from('a'));
    bench.clock.jump(30 * DAY_MS);
    await spool.keepHouse();
    expect(await takeAll(spool)).toEqual(['a']);
  });

  it('on age: what a process left is as old as the wall clock says', async () => {
    await bench.leave(['a']);
    bench.clock.jump(DAY_MS + 1);
    await using spool = bench.open({ maxAgeMs: DAY_MS });
    await spool.keepHouse();
    expect(await takeAll(spool)).toEqual([]);
    expect(spool.stats().dropped).toEqual({ age: 1 });
  });

  it('on age: unless that said 1970', async () => {
    bench.clock.jump(-bench.clock.now());
    await bench.leave(['of 1970']);
    bench.clock.jump(Date.UTC(2030, 0, 1));
    await using spool = bench.open({ maxAgeMs: DAY_MS });
    await spool.keepHouse();
    expect(await takeAll(spool)).toEqual(['of 1970']);
  });

  it('a drop that was remembered but not done is done by whoever finds the segment, and counted once', async () => {
    {
      await using spool = bench.open();
      for (const text of ['a', 'b']) spool.append('traces', Buffer.from(text));
    }
    const [uid] = (bench.segmentFiles()[0] ?? '').split('.');
    const line = { atMs: 1, reason: 'age', kind: 'traces', items: 1, segment: uid, upTo: 32 + 24 + 1 };
    writeFileSync(join(bench.folder, 'drops.jsonl'), `${JSON.stringify(line)}\n`);
    await using spool = bench.open();
    await spool.keepHouse();
    expect(await takeAll(spool)).toEqual(['b']);
    expect(dropsIn(bench.folder)).toHaveLength(1);
  });
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

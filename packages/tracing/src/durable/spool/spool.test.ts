import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ALL, SpoolBench, takeAll, textsOf } from '../testing/spool-bench.ts';
import type { Batch } from './batch.ts';
import { pendingIn } from './inspect.ts';

let bench: SpoolBench;
beforeEach(() => {
  bench = new SpoolBench();
});
afterEach(() => bench[Symbol.dispose]());

describe('a spool', () => {
  it('gives back what was appended, in its order, until it is acknowledged', async () => {
    await using spool = bench.open();
    for (const text of ['a', 'b', 'c']) expect(spool.append('traces', Buffer.from(text))).toEqual({ kind: 'stored' });
    {
      await using batch = await spool.take('traces', { maxRecords: 2, maxBytes: 1_000 });
      expect(textsOf(batch)).toEqual(['a', 'b']);
      batch?.acknowledge(1);
      expect(textsOf(batch)).toEqual(['b']);
    }
    expect(await takeAll(spool)).toEqual(['b', 'c']);
    expect(spool.stats()).toMatchObject({ appended: { records: 3 }, pending: { records: 0, bytes: 0 } });
  });

  it('has the bytes in the kernel when append returns', async () => {
    await using spool = bench.open();
    spool.append('traces', Buffer.from('written at once'));
    const [file = ''] = bench.segmentFiles();
    expect(readFileSync(join(bench.folder, 'segments', file)).includes('written at once')).toBe(true);
  });

  it('brings a group of appends to the disk with one wait, at the end of the interval', async () => {
    await using spool = bench.open({ fsyncIntervalMs: 50 });
    bench.clock.advance(0);
    for (let i = 0; i < 100; i++) spool.append('traces', Buffer.from('x'));
    expect(bench.clock.waits).toContain(50);
    bench.clock.advance(49);
    expect(spool.stats().fsyncs).toBe(0);
    bench.clock.advance(1);
    await spool.flush();
    // The segment, and the folder with its name.
    expect(spool.stats()).toMatchObject({ fsyncs: 2, fsyncFailures: 0 });
  });

  it('bounds a batch by records and by bytes, but for a single record', async () => {
    await using spool = bench.open();
    for (let i = 0; i < 4; i++) spool.append('traces', Buffer.alloc(100));
    spool.append('traces', Buffer.alloc(200_000));
    const sizes: number[][] = [];
    for (;;) {
      await using batch = await spool.take('traces', { maxRecords: 3, maxBytes: 250 });
      if (!batch) break;
      sizes.push(batch.records.map(record => record.payload.length));
      batch.acknowledge(batch.records.length);
    }
    expect(sizes).toEqual([[100, 100], [100, 100], [200_000]]);
  });

  it('keeps signals apart: a batch of one that is out holds up no other', async () => {
    await using spool = bench.open();
    spool.append('metrics', Buffer.from('m'));
    spool.append('logs', Buffer.from('l'));
    await using metrics = await spool.take('metrics', ALL);
    await using logs = await spool.take('logs', ALL);
    expect([textsOf(metrics), textsOf(logs)]).toEqual([['m'], ['l']]);
  });

  it('gives one batch of a signal at a time', async () => {
    await using spool = bench.open();
    spool.append('traces', Buffer.from('a'));
    const first = await spool.take('traces', ALL);
    let second: Batch | undefined;
    const waiting = spool.take('traces', ALL).then(batch => {
      second = batch;
    });
    await new Promise(setImmediate);
    expect(second).toBeUndefined();
    first?.acknowledge(1);
    spool.append('traces', Buffer.from('b'));
    await first?.release();
    await waiting;
    expect(textsOf(second)).toEqual(['b']);
    await second?.release();
  });

  it('begins new segments, and removes those that are done', async () => {
    await using spool = bench.open({ segmentBytes: 1_024 });
    for (let i = 0; i < 50; i++) spool.append('traces', Buffer.alloc(100, i));
    expect(bench.segmentFiles().length).toBeGreaterThan(5);
    expect(await takeAll(spool)).toHaveLength(50);
    expect(bench.segmentFiles()).toHaveLength(1);
  });

  it('leaves nothing but its folders when all is done and it is closed', async () => {
    {
      await using spool = bench.open();
      spool.append('traces', Buffer.from('a'));
      await takeAll(spool);
    }
    expect(bench.segmentFiles()).toEqual([]);
    expect(readdirSync(join(bench.folder, 'owners'))).toEqual([]);
    expect(bench.clock.waits).toEqual([]);
  });

  it('is for this user alone', async () => {
    await using spool = bench.open();
    spool.append('traces', Buffer.from('a'));
    const modes = ['', 'segments', 'owners'].map(name => statSync(join(bench.folder, name)).mode & 0o077);
    expect(modes.slice(1)).toEqual([0, 0]);
    expect(statSync(join(bench.folder, 'segments', bench.segmentFiles()[0] ?? '')).mode & 0o077).toBe(0);
  });

  it('refuses, counts and logs what comes after its end, or is too large', async () => {
    const spool = bench.open({ maxRecordBytes: 10 });
    expect(spool.append('traces', Buffer.alloc(11), 7)).toEqual({ kind: 'refused', reason: 'too_large' });
    await spool.close();
    expect(spool.append('traces', Buffer.alloc(1))).toEqual({ kind: 'refused', reason: 'closed' });
    expect(spool.stats().dropped).toEqual({ too_large: 7, closed: 1 });
    expect(bench.log.containing('error')).toHaveLength(2);
  });

  it.each([
    ['maxBytes', 1],
    ['maxBytes', Number.NaN],
    ['maxAgeMs', 0],
    ['maxRecordBytes', 65 * 1024 * 1024],
    ['segmentBytes', 1_023],
    ['fsyncIntervalMs', -1],
    ['fsyncIntervalMs', 1_001],
  ])('does not open with %s %d', (name, value) => {
    expect(() => bench.open({ [name]: value })).toThrow(TypeError);
    expect(() => bench.open({ [name]: value })).toThrow(name);
  });

  it('takes no signal or count that makes no sense', async () => {
    await using spool = bench.open();
    expect(() => spool.append('events' as 'traces', Buffer.alloc(1))).toThrow(TypeError);
    expect(() => spool.append('traces', Buffer.alloc(1), -1)).toThrow('items');
  });
});

describe('a look from the outside', () => {
  it('shows what waits, and takes nothing over', async () => {
    expect(await pendingIn(bench.folder)).toEqual([]);
    await using spool = bench.open();
    spool.append('logs', Buffer.from('a'), 3);
    bench.clock.advance(1);
    for (const text of ['a', 'b']) spool.append('traces', Buffer.from(text));
    await using batch = await spool.take('traces', ALL);
    batch?.acknowledge(1);
    expect(await pendingIn(bench.folder)).toMatchObject([
      { kind: 'logs', records: 1, items: 3, pid: process.pid },
      { kind: 'traces', records: 1, items: 1, bytes: 25, createdAtMs: bench.clock.now(), pid: process.pid },
    ]);
    batch?.acknowledge(1);
    expect(await pendingIn(bench.folder)).toHaveLength(1);
  });
});

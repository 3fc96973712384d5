import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { RecordingLog, scratchFolder } from '../testing/scratch.ts';
import type { Batch } from './batch.ts';
import { dropsIn } from './ledger.ts';
import { Spool } from './spool.ts';
import type { SpoolOptions } from './spool-options.ts';

const ALL = { maxRecords: 1_000, maxBytes: 1024 * 1024 };
const DAY_MS = 24 * 3_600_000;

let folder: ReturnType<typeof scratchFolder>;
let clock: FakeClock;
let log: RecordingLog;

beforeEach(() => {
  folder = scratchFolder();
  clock = new FakeClock();
  log = new RecordingLog();
});
afterEach(() => folder[Symbol.dispose]());

function open(options: Partial<SpoolOptions> = {}): Spool {
  return new Spool({ folder: folder.path, clock, log, ...options });
}

function textsOf(batch: Batch | undefined): string[] {
  return (batch?.records ?? []).map(record => record.payload.toString());
}

async function takeAll(spool: Spool): Promise<string[]> {
  const texts: string[] = [];
  for (;;) {
    await using batch = await spool.take('traces', ALL);
    if (!batch) return texts;
    texts.push(...textsOf(batch));
    batch.acknowledge(batch.records.length);
  }
}

function segmentFiles(): string[] {
  return readdirSync(join(folder.path, 'segments')).sort();
}

describe('a spool', () => {
  it('gives back what was appended, in its order, until it is acknowledged', async () => {
    await using spool = open();
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
    await using spool = open();
    spool.append('traces', Buffer.from('written at once'));
    const [file = ''] = segmentFiles();
    expect(readFileSync(join(folder.path, 'segments', file)).includes('written at once')).toBe(true);
  });

  it('brings a group of appends to the disk with one wait, at the end of the interval', async () => {
    await using spool = open({ fsyncIntervalMs: 50 });
    clock.advance(0);
    for (let i = 0; i < 100; i++) spool.append('traces', Buffer.from('x'));
    expect(clock.waits).toContain(50);
    clock.advance(49);
    expect(spool.stats().fsyncs).toBe(0);
    clock.advance(1);
    await spool.flush();
    // The segment, and the folder with its name.
    expect(spool.stats()).toMatchObject({ fsyncs: 2, fsyncFailures: 0 });
  });

  it('bounds a batch by records and by bytes, but for a single record', async () => {
    await using spool = open();
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
    await using spool = open();
    spool.append('metrics', Buffer.from('m'));
    spool.append('logs', Buffer.from('l'));
    await using metrics = await spool.take('metrics', ALL);
    await using logs = await spool.take('logs', ALL);
    expect([textsOf(metrics), textsOf(logs)]).toEqual([['m'], ['l']]);
  });

  it('gives one batch of a signal at a time', async () => {
    await using spool = open();
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
    await using spool = open({ segmentBytes: 1_024 });
    for (let i = 0; i < 50; i++) spool.append('traces', Buffer.alloc(100, i));
    expect(segmentFiles().length).toBeGreaterThan(5);
    expect(await takeAll(spool)).toHaveLength(50);
    expect(segmentFiles()).toHaveLength(1);
  });

  it('leaves nothing but its folders when all is done and it is closed', async () => {
    {
      await using spool = open();
      spool.append('traces', Buffer.from('a'));
      await takeAll(spool);
    }
    expect(segmentFiles()).toEqual([]);
    expect(readdirSync(join(folder.path, 'owners'))).toEqual([]);
    expect(clock.waits).toEqual([]);
  });

  it('is for this user alone', async () => {
    await using spool = open();
    spool.append('traces', Buffer.from('a'));
    const modes = ['', 'segments', 'owners'].map(name => statSync(join(folder.path, name)).mode & 0o077);
    expect(modes.slice(1)).toEqual([0, 0]);
    expect(statSync(join(folder.path, 'segments', segmentFiles()[0] ?? '')).mode & 0o077).toBe(0);
  });

  it('refuses, counts and logs what comes after its end, or is too large', async () => {
    const spool = open({ maxRecordBytes: 10 });
    expect(spool.append('traces', Buffer.alloc(11), 7)).toEqual({ kind: 'refused', reason: 'too_large' });
    await spool.close();
    expect(spool.append('traces', Buffer.alloc(1))).toEqual({ kind: 'refused', reason: 'closed' });
    expect(spool.stats().dropped).toEqual({ too_large: 7, closed: 1 });
    expect(log.containing('error')).toHaveLength(2);
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
    expect(() => open({ [name]: value })).toThrow(TypeError);
    expect(() => open({ [name]: value })).toThrow(name);
  });

  it('takes no signal or count that makes no sense', async () => {
    await using spool = open();
    expect(() => spool.append('profiles' as 'traces', Buffer.alloc(1))).toThrow(TypeError);
    expect(() => spool.append('traces', Buffer.alloc(1), -1)).toThrow('items');
  });
});

describe('after a restart', () => {
  it('the next spool takes over what was left, from where it was acknowledged', async () => {
    {
      await using spool = open();
      for (const text of ['a', 'b', 'c']) spool.append('traces', Buffer.from(text));
      await using batch = await spool.take('traces', ALL);
      batch?.acknowledge(2);
    }
    await using spool = open();
    await spool.keepHouse();
    expect(spool.stats().pending).toMatchObject({ records: 1, items: 1 });
    expect(await takeAll(spool)).toEqual(['c']);
  });

  it('tells the listener of what it took over', async () => {
    {
      await using spool = open();
      spool.append('logs', Buffer.from('a'));
    }
    await using spool = open();
    const heard: string[] = [];
    const stop = spool.onPending(kind => heard.push(kind));
    await spool.keepHouse();
    stop();
    spool.append('traces', Buffer.from('b'));
    expect(heard).toEqual(['logs']);
  });

  it('does not touch the segments of a spool that lives', async () => {
    await using first = open();
    first.append('traces', Buffer.from('mine'));
    await using second = open();
    await second.keepHouse();
    expect(await takeAll(second)).toEqual([]);
    expect(await takeAll(first)).toEqual(['mine']);
  });

  it('a segment is taken over by one of many', async () => {
    {
      await using spool = open({ segmentBytes: 1_024 });
      for (let i = 0; i < 100; i++) spool.append('traces', Buffer.from(String(i).padStart(100)));
    }
    const spools = [open(), open(), open()];
    await Promise.all(spools.map(spool => spool.keepHouse()));
    const taken = (await Promise.all(spools.map(takeAll))).flat();
    expect(taken.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    for (const spool of spools) await spool.close();
  });
});

describe('what a crash left', () => {
  async function leftSegment(texts: readonly string[]): Promise<string> {
    {
      await using spool = open();
      for (const text of texts) spool.append('traces', Buffer.from(text));
    }
    return join(folder.path, 'segments', segmentFiles()[0] ?? '');
  }

  it('a torn end is passed over, wherever it was torn, and no whole record with it', async () => {
    const path = await leftSegment(['first', 'second']);
    const whole = readFileSync(path);
    const firstEnd = 32 + 24 + 'first'.length;
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length));
      await using spool = open();
      await spool.keepHouse();
      expect(await takeAll(spool), `cut at ${length}`).toEqual(length >= firstEnd ? ['first'] : []);
      expect(spool.stats().dropped).toEqual({});
      expect(segmentFiles()).toEqual([]);
    }
  });

  it.each([
    ['a bit of a payload', 32 + 24],
    ['a bit of a length', 32 + 8],
    ['a bit of a marker', 32],
    ['the magic', 0],
  ])('damage in %s costs no other record', async (_, at) => {
    const path = await leftSegment(['first', 'second', 'third']);
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 0x40, at);
    writeFileSync(path, bytes);
    await using spool = open();
    await spool.keepHouse();
    const isHeader = at < 32;
    expect(await takeAll(spool)).toEqual(isHeader ? ['first', 'second', 'third'] : ['second', 'third']);
    expect(spool.stats().dropped).toEqual(isHeader ? {} : { damaged: 1 });
  });

  it('zeros at the end, as a power cut leaves them, are passed over', async () => {
    const path = await leftSegment(['first']);
    writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(5_000)]));
    await using spool = open();
    await spool.keepHouse();
    expect(await takeAll(spool)).toEqual(['first']);
  });

  it('progress beyond the end of a file that lost its end is all done', async () => {
    const path = await leftSegment(['first', 'second']);
    {
      await using spool = open();
      await spool.keepHouse();
      await using batch = await spool.take('traces', ALL);
      batch?.acknowledge(1);
    }
    const [file = ''] = segmentFiles();
    truncateSync(join(folder.path, 'segments', file), 40);
    await using spool = open();
    await spool.keepHouse();
    expect(await takeAll(spool)).toEqual([]);
    expect(existsSync(path)).toBe(false);
  });

  it('a segment that its writer, held for dead, went on writing is read again before it is removed', async () => {
    const path = await leftSegment(['first']);
    const frames = readFileSync(path).subarray(32);
    await using spool = open();
    await spool.keepHouse();
    const [file = ''] = segmentFiles();
    const now = join(folder.path, 'segments', file);
    writeFileSync(now, Buffer.concat([readFileSync(now), frames]));
    expect(await takeAll(spool)).toEqual(['first', 'first']);
    expect(segmentFiles()).toEqual([]);
  });
});

describe('bounds', () => {
  it('on bytes: the oldest go, counted, logged and remembered', async () => {
    await using spool = open({ maxBytes: 64 * 1024 });
    for (let i = 0; i < 200; i++) spool.append('traces', Buffer.from(String(i).padEnd(1_000)), 2);
    expect(spool.stats().diskBytes).toBeLessThanOrEqual(64 * 1024);
    const kept = (await takeAll(spool)).map(Number);
    expect(kept.at(-1)).toBe(199);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => 200 - kept.length + i));
    const dropped = 2 * (200 - kept.length);
    expect(spool.stats().dropped).toEqual({ bytes: dropped });
    expect(log.containing('the spool is full')).toHaveLength(1);
    expect(sum(dropsIn(folder.path).map(drop => drop.items))).toBe(dropped);
  });

  it('on bytes: a batch under way is not dropped, the next oldest is', async () => {
    await using spool = open({ maxBytes: 64 * 1024 });
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
    await using first = open({ maxBytes });
    for (let i = 0; i < 100; i++) first.append('traces', Buffer.alloc(1_000));
    clock.advance(1);
    await using second = open({ maxBytes });
    await second.keepHouse();
    for (let i = 0; i < 140; i++) second.append('traces', Buffer.alloc(1_000));
    await first.keepHouse();
    expect(second.stats().dropped).toEqual({});
    expect(first.stats().dropped.bytes).toBeGreaterThan(0);
    expect(first.stats().diskBytes).toBeLessThanOrEqual(maxBytes);
  });

  it('on age: what is older is dropped, record by record', async () => {
    await using spool = open({ maxAgeMs: DAY_MS });
    spool.append('traces', Buffer.from('old'), 3);
    clock.advance(DAY_MS);
    spool.append('traces', Buffer.from('new'));
    clock.advance(1);
    expect(await takeAll(spool)).toEqual(['new']);
    expect(spool.stats().dropped).toEqual({ age: 3 });
    expect(dropsIn(folder.path)).toMatchObject([{ reason: 'age', items: 3, kind: 'traces' }]);
  });

  it('on age: also when nobody takes anything', async () => {
    await using spool = open({ maxAgeMs: DAY_MS });
    spool.append('traces', Buffer.from('old'));
    clock.advance(DAY_MS + 1);
    await spool.keepHouse();
    expect(spool.stats()).toMatchObject({ dropped: { age: 1 }, pending: { records: 0 } });
  });

  it('a clock that was never set when a record came makes it no older', async () => {
    clock.jump(-clock.now());
    await using spool = open({ maxAgeMs: DAY_MS });
    spool.append('traces', Buffer.from('of 1970'));
    clock.jump(Date.UTC(2030, 0, 1));
    await spool.keepHouse();
    expect(await takeAll(spool)).toEqual(['of 1970']);
  });

  it('a drop that was remembered but not done is done by whoever finds the segment, and counted once', async () => {
    {
      await using spool = open();
      for (const text of ['a', 'b']) spool.append('traces', Buffer.from(text));
    }
    const [uid] = (segmentFiles()[0] ?? '').split('.');
    const line = { atMs: 1, reason: 'age', kind: 'traces', items: 1, segment: uid, upTo: 32 + 24 + 1 };
    writeFileSync(join(folder.path, 'drops.jsonl'), `${JSON.stringify(line)}\n`);
    await using spool = open();
    await spool.keepHouse();
    expect(await takeAll(spool)).toEqual(['b']);
    expect(dropsIn(folder.path)).toHaveLength(1);
  });
});

describe('somebody meddles with the folder', () => {
  it('a segment that is gone is counted, and the next append goes on', async () => {
    await using spool = open();
    spool.append('traces', Buffer.from('a'), 5);
    rmSync(join(folder.path, 'segments'), { recursive: true });
    await spool.keepHouse();
    expect(spool.stats()).toMatchObject({ dropped: { unreadable: 5 }, pending: { records: 0 } });
    spool.append('traces', Buffer.from('b'));
    expect(await takeAll(spool)).toEqual(['b']);
  });

  it('other files are left alone', async () => {
    await using spool = open();
    const strange = join(folder.path, 'segments', 'notes.txt');
    writeFileSync(strange, 'mine');
    await spool.keepHouse();
    expect(readFileSync(strange, 'utf8')).toBe('mine');
  });

  it('an owner file that is gone is written again, and what was taken meanwhile is let go, not counted', async () => {
    await using first = open();
    first.append('traces', Buffer.from('a'));
    for (const file of readdirSync(join(folder.path, 'owners'))) rmSync(join(folder.path, 'owners', file));
    await using second = open();
    await second.keepHouse();
    await first.keepHouse();
    expect(first.stats()).toMatchObject({ pending: { records: 0 }, dropped: {} });
    expect(log.containing('another process took over')).toHaveLength(1);
    first.append('traces', Buffer.from('b'));
    expect([await takeAll(second), await takeAll(first)]).toEqual([['a'], ['b']]);
    clock.advance(6_000);
    await first.keepHouse();
    expect(readdirSync(join(folder.path, 'owners'))).toHaveLength(2);
  });
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

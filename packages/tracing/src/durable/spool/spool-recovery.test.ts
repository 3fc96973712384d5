import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ALL, SpoolBench, takeAll } from '../testing/spool-bench.ts';

let bench: SpoolBench;
beforeEach(() => {
  bench = new SpoolBench();
});
afterEach(() => bench[Symbol.dispose]());

describe('after a restart', () => {
  it('the next spool takes over what was left, from where it was acknowledged', async () => {
    {
      await using spool = bench.open();
      for (const text of ['a', 'b', 'c']) spool.append('traces', Buffer.from(text));
      await using batch = await spool.take('traces', ALL);
      batch?.acknowledge(2);
    }
    await using spool = bench.open();
    await spool.keepHouse();
    expect(spool.stats().pending).toMatchObject({ records: 1, items: 1 });
    expect(await takeAll(spool)).toEqual(['c']);
  });

  it('tells the listener of what it took over', async () => {
    {
      await using spool = bench.open();
      spool.append('logs', Buffer.from('a'));
    }
    await using spool = bench.open();
    const heard: string[] = [];
    const stop = spool.onPending(kind => heard.push(kind));
    await spool.keepHouse();
    stop();
    spool.append('traces', Buffer.from('b'));
    expect(heard).toEqual(['logs']);
  });

  it('does not touch the segments of a spool that lives', async () => {
    await using first = bench.open();
    first.append('traces', Buffer.from('mine'));
    await using second = bench.open();
    await second.keepHouse();
    expect(await takeAll(second)).toEqual([]);
    expect(await takeAll(first)).toEqual(['mine']);
  });

  it('a segment is taken over by one of many', async () => {
    {
      await using spool = bench.open({ segmentBytes: 1_024 });
      for (let i = 0; i < 100; i++) spool.append('traces', Buffer.from(String(i).padStart(100)));
    }
    const spools = [bench.open(), bench.open(), bench.open()];
    await Promise.all(spools.map(spool => spool.keepHouse()));
    const taken = (await Promise.all(spools.map(takeAll))).flat();
    expect(taken.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    for (const spool of spools) await spool.close();
  });
});

describe('what a crash left', () => {
  it('a torn end is passed over, wherever it was torn, and no whole record with it', async () => {
    const path = await bench.leave(['first', 'second']);
    const whole = readFileSync(path);
    const firstEnd = 32 + 24 + 'first'.length;
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length));
      await using spool = bench.open();
      await spool.keepHouse();
      expect(await takeAll(spool), `cut at ${length}`).toEqual(length >= firstEnd ? ['first'] : []);
      expect(spool.stats().dropped).toEqual({});
      expect(bench.segmentFiles()).toEqual([]);
    }
  });

  it.each([
    ['a bit of a payload', 32 + 24],
    ['a bit of a length', 32 + 8],
    ['a bit of a marker', 32],
    ['the magic', 0],
  ])('damage in %s costs no other record', async (_, at) => {
    const path = await bench.leave(['first', 'second', 'third']);
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 0x40, at);
    writeFileSync(path, bytes);
    await using spool = bench.open();
    await spool.keepHouse();
    const isHeader = at < 32;
    expect(await takeAll(spool)).toEqual(isHeader ? ['first', 'second', 'third'] : ['second', 'third']);
    expect(spool.stats().dropped).toEqual(isHeader ? {} : { damaged: 1 });
  });

  it('zeros at the end, as a power cut leaves them, are passed over', async () => {
    const path = await bench.leave(['first']);
    writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(5_000)]));
    await using spool = bench.open();
    await spool.keepHouse();
    expect(await takeAll(spool)).toEqual(['first']);
  });

  it('progress beyond the end of a file that lost its end is all done', async () => {
    const path = await bench.leave(['first', 'second']);
    {
      await using spool = bench.open();
      await spool.keepHouse();
      await using batch = await spool.take('traces', ALL);
      batch?.acknowledge(1);
    }
    const [file = ''] = bench.segmentFiles();
    truncateSync(join(bench.folder, 'segments', file), 40);
    await using spool = bench.open();
    await spool.keepHouse();
    expect(await takeAll(spool)).toEqual([]);
    expect(existsSync(path)).toBe(false);
  });

  it('a segment that its writer, held for dead, went on writing is read again before it is removed', async () => {
    const path = await bench.leave(['first']);
    const frames = readFileSync(path).subarray(32);
    await using spool = bench.open();
    await spool.keepHouse();
    const [file = ''] = bench.segmentFiles();
    const now = join(bench.folder, 'segments', file);
    writeFileSync(now, Buffer.concat([readFileSync(now), frames]));
    expect(await takeAll(spool)).toEqual(['first', 'first']);
    expect(bench.segmentFiles()).toEqual([]);
  });
});

describe('somebody meddles with the folder', () => {
  it('a segment that is gone is counted, and the next append goes on', async () => {
    await using spool = bench.open();
    spool.append('traces', Buffer.from('a'), 5);
    rmSync(join(bench.folder, 'segments'), { recursive: true });
    await spool.keepHouse();
    expect(spool.stats()).toMatchObject({ dropped: { unreadable: 5 }, pending: { records: 0 } });
    spool.append('traces', Buffer.from('b'));
    expect(await takeAll(spool)).toEqual(['b']);
  });

  it('other files are left alone', async () => {
    await using spool = bench.open();
    const strange = join(bench.folder, 'segments', 'notes.txt');
    writeFileSync(strange, 'mine');
    await spool.keepHouse();
    expect(readFileSync(strange, 'utf8')).toBe('mine');
  });

  it('an owner file that is gone is written again, and what was taken meanwhile is let go, not counted', async () => {
    await using first = bench.open();
    first.append('traces', Buffer.from('a'));
    for (const file of readdirSync(join(bench.folder, 'owners'))) rmSync(join(bench.folder, 'owners', file));
    await using second = bench.open();
    await second.keepHouse();
    await first.keepHouse();
    expect(first.stats()).toMatchObject({ pending: { records: 0 }, dropped: {} });
    expect(bench.log.containing('another process took over')).toHaveLength(1);
    first.append('traces', Buffer.from('b'));
    expect([await takeAll(second), await takeAll(first)]).toEqual([['a'], ['b']]);
    bench.clock.advance(6_000);
    await first.keepHouse();
    expect(readdirSync(join(bench.folder, 'owners'))).toHaveLength(2);
  });
});

import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecordingLog, scratchFolder } from '../testing/scratch.ts';
import { Spool } from './spool.ts';

const ALL = { maxRecords: 10_000, maxBytes: 8 * 1024 * 1024 };

let scratch: ReturnType<typeof scratchFolder>;
beforeEach(() => {
  scratch = scratchFolder();
});
afterEach(() => scratch[Symbol.dispose]());

const canMount = (() => {
  using probe = scratchFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', probe.path], { stdio: 'ignore' });
    execFileSync('umount', [probe.path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

describe.runIf(canMount)('a disk without room', () => {
  let disk: string;

  beforeEach(() => {
    disk = join(scratch.path, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]);
  });
  afterEach(() => execFileSync('umount', [disk]));

  async function takeAll(spool: Spool): Promise<number[]> {
    const taken: number[] = [];
    for (;;) {
      await using batch = await spool.take('traces', ALL);
      if (!batch) return taken;
      taken.push(...batch.records.map(({ payload }) => Number(payload.toString())));
      batch.acknowledge(batch.records.length);
    }
  }

  it('append refuses, counts, logs once, and stores again when there is room; what was stored is whole', async () => {
    const log = new RecordingLog();
    await using spool = new Spool({ folder: join(disk, 'spool'), log, segmentBytes: 32 * 1024 });
    const stored: number[] = [];
    const append = (number: number) => {
      const result = spool.append('traces', Buffer.from(String(number).padEnd(100 + (number % 7) * 300)), 2);
      if (result.kind === 'stored') stored.push(number);
      else expect(result.reason).toBe('disk_full');
    };
    for (let i = 0; i < 1_000; i++) append(i);
    expect(stored.length).toBeGreaterThan(100);
    expect(stored.length).toBeLessThan(1_000);
    const refused = 1_000 - stored.length;
    expect(spool.stats()).toMatchObject({ dropped: { disk_full: 2 * refused }, pending: { records: stored.length } });
    expect(log.containing('the disk is full')).toHaveLength(1);
    // Progress is written in place, so a full disk does not stop the sending that frees it.
    expect(await takeAll(spool)).toEqual(stored);
    append(1_000);
    expect(stored.at(-1)).toBe(1_000);
    expect(await takeAll(spool)).toEqual([1_000]);
  });

  it('what a full disk left is whole for the next process', async () => {
    const folder = join(disk, 'spool');
    let stored = 0;
    {
      await using spool = new Spool({ folder, log: new RecordingLog() });
      for (let i = 0; i < 1_000; i++) {
        if (spool.append('traces', Buffer.from(String(i).padEnd(100 + (i % 7) * 300))).kind === 'stored') stored++;
      }
    }
    await using spool = new Spool({ folder, log: new RecordingLog() });
    await spool.keepHouse();
    expect(await takeAll(spool)).toHaveLength(stored);
    expect(spool.stats().dropped).toEqual({});
  });

  it('a spool opens on a disk that is full already', async () => {
    const folder = join(disk, 'spool');
    await new Spool({ folder }).close();
    const ballast = join(disk, 'ballast');
    expect(() => writeFileSync(ballast, Buffer.alloc(1024 * 1024))).toThrow('ENOSPC');
    await using spool = new Spool({ folder, log: new RecordingLog() });
    expect(spool.append('traces', Buffer.from('1'))).toEqual({ kind: 'refused', reason: 'disk_full' });
    writeFileSync(ballast, '');
    expect(spool.append('traces', Buffer.from('1'))).toEqual({ kind: 'stored' });
    expect(await takeAll(spool)).toEqual([1]);
  });
});

it('a limit on the size of files is a full disk', { timeout: 20_000 }, async () => {
  const child = fileURLToPath(new URL('../../../dist/durable/testing/full-disk-child.js', import.meta.url));
  const folder = join(scratch.path, 'spool');
  const run = 'ulimit -f 100; exec "$0" "$@"';
  const { stdout } = await promisify(execFile)('sh', ['-c', run, process.execPath, child, JSON.stringify({ folder })]);
  const { results, dropped, logged } = JSON.parse(stdout.split('\n')[1] ?? '') as {
    results: string[];
    dropped: object;
    logged: number;
  };
  const stored = results.filter(result => result === 'stored').length;
  expect(stored).toBeGreaterThan(20);
  expect(stored).toBeLessThan(500);
  expect(dropped).toEqual({ disk_full: 500 - stored });
  // At once, and what came after that at the end.
  expect(logged).toBe(2);
  await using spool = new Spool({ folder });
  await spool.keepHouse();
  expect(spool.pending('traces').records).toBe(stored);
});

import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kill, startChild } from '../testing/child-process.ts';
import { scratchFolder, seeded, until } from '../testing/scratch.ts';
import { Spool } from './spool.ts';

const SEED = Number(process.env.SPANPASS_TEST_SEED ?? 20_300_101);
const ALL = { maxRecords: 1_000, maxBytes: 4 * 1024 * 1024 };

let scratch: ReturnType<typeof scratchFolder>;
const children = new Set<ChildProcess>();

beforeEach(() => {
  scratch = scratchFolder();
});
afterEach(async () => {
  for (const child of children) await kill(child);
  children.clear();
  scratch[Symbol.dispose]();
});

interface Plan {
  readonly name: string;
  readonly seed: number;
  readonly sends: boolean;
  readonly maxRecords?: number;
}

async function start({ name, seed, sends, maxRecords }: Plan): Promise<ChildProcess> {
  const child = await startChild('crash-child', {
    folder: join(scratch.path, 'spool'),
    name,
    seed,
    appendedFile: join(scratch.path, `${name}.appended`),
    ...(sends && { sinkFile: join(scratch.path, 'sink') }),
    ...(maxRecords !== undefined && { maxRecords }),
  });
  children.add(child);
  return child;
}

function linesOf(file: string): string[] {
  const path = join(scratch.path, file);
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
}

/** Who sent each record, and when, in the order of time. */
function sent(): Map<string, { pid: number; atNs: bigint }[]> {
  const byRecord = new Map<string, { pid: number; atNs: bigint }[]>();
  for (const line of linesOf('sink')) {
    const [pid, atNs, record = ''] = line.split(' ');
    byRecord.set(record, [...(byRecord.get(record) ?? []), { pid: Number(pid), atNs: BigInt(atNs ?? 0) }]);
  }
  for (const times of byRecord.values()) times.sort((a, b) => Number(a.atNs - b.atNs));
  return byRecord;
}

function appendedBy(names: readonly string[]): string[] {
  return names.flatMap(name => linesOf(`${name}.appended`).map(number => `${name}:${number}`));
}

async function drain(): Promise<string[]> {
  await using spool = new Spool({ folder: join(scratch.path, 'spool') });
  await spool.keepHouse();
  expect(spool.stats().dropped).toEqual({});
  const records: string[] = [];
  for (;;) {
    await using batch = await spool.take('traces', ALL);
    if (!batch) return records;
    records.push(...batch.records.map(({ payload }) => payload.toString().split(':', 2).join(':')));
    batch.acknowledge(batch.records.length);
  }
}

function segments(): string[] {
  return readdirSync(join(scratch.path, 'spool', 'segments'));
}

const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

describe(`processes killed with SIGKILL (seed ${SEED})`, () => {
  it('every record whose append had returned is in the spool, once, in order', { timeout: 60_000 }, async () => {
    const random = seeded(SEED);
    const names: string[] = [];
    for (let round = 0; round < 8; round++) {
      const name = `w${round}`;
      names.push(name);
      const child = await start({ name, seed: SEED + round, sends: false });
      await sleep(random() * 150);
      await kill(child);
    }
    const records = await drain();
    const appended = appendedBy(names);
    expect(appended.length).toBeGreaterThan(100);
    const kept = new Set(records);
    expect(appended.filter(record => !kept.has(record))).toEqual([]);
    expect(kept.size).toBe(records.length);
    for (const name of names) {
      const numbers = records
        .filter(record => record.startsWith(`${name}:`))
        .map(record => Number(record.split(':')[1]));
      expect(numbers).toEqual(numbers.map((_, i) => i));
    }
    expect(segments()).toEqual([]);
  });

  it('a segment that is written while its process sends from it: at most one batch comes twice', {
    timeout: 60_000,
  }, async () => {
    const random = seeded(SEED + 1);
    const names: string[] = [];
    for (let round = 0; round < 8; round++) {
      const name = `s${round}`;
      names.push(name);
      const child = await start({ name, seed: SEED + round, sends: true });
      await sleep(20 + random() * 200);
      await kill(child);
    }
    const arrivals = linesOf('sink').map(line => line.split(' ')[2] ?? '');
    const left = await drain();
    const appended = appendedBy(names);
    expect(arrivals.length).toBeGreaterThan(100);
    const arrived = new Set([...arrivals, ...left]);
    expect(appended.filter(record => !arrived.has(record))).toEqual([]);
    const twice = arrivals.length + left.length - arrived.size;
    expect(twice).toBeLessThanOrEqual(64 * names.length);
  });

  it('three processes share a folder and come and go: nothing is lost, and no two that live send the same', {
    timeout: 120_000,
  }, async () => {
    const random = seeded(SEED + 2);
    const names: string[] = [];
    const killedAt = new Map<number, bigint>();
    const killNow = async (child: ChildProcess) => {
      killedAt.set(child.pid ?? 0, process.hrtime.bigint());
      await kill(child);
    };
    const living: ChildProcess[] = [];
    for (let round = 0; round < 9; round++) {
      const name = `m${round}`;
      names.push(name);
      living.push(await start({ name, seed: SEED + round, sends: true }));
      await sleep(random() * 100);
      const [victim] = living.length < 3 ? [] : living.splice(Math.floor(random() * living.length), 1);
      if (victim) await killNow(victim);
    }
    for (const child of living) await killNow(child);
    const last = await start({ name: 'last', seed: SEED, sends: true, maxRecords: 1 });
    names.push('last');
    const appended = appendedBy(names);
    await until('all arrives', () => {
      const arrived = sent();
      return appended.every(record => arrived.has(record));
    }).catch(() => {});
    await kill(last);
    const sends = sent();
    expect(appended.filter(record => !sends.has(record))).toEqual([]);
    const twice = [...sends.values()].filter(times => times.length > 1);
    // Only what a process had sent, and not acknowledged when it was killed, is sent again, and only after that.
    const early = twice.filter(times =>
      times.some(({ atNs }, i) => i > 0 && !((killedAt.get(times[i - 1]?.pid ?? 0) ?? atNs) < atNs)),
    );
    expect(early).toEqual([]);
    expect(twice.length).toBeLessThanOrEqual(64 * killedAt.size);
  });

  it('a process that is frozen, not dead, keeps its segments', { timeout: 30_000 }, async () => {
    const child = await start({ name: 'frozen', seed: SEED, sends: false, maxRecords: 50 });
    await until('it has appended', () => linesOf('frozen.appended').length === 50);
    child.kill('SIGSTOP');
    expect(await drain()).toEqual([]);
    child.kill('SIGCONT');
    await kill(child);
    expect(await drain()).toHaveLength(50);
  });
});

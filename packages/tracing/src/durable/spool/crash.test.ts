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
    const sent = linesOf('sink').map(line => line.split(' ')[1] ?? '');
    const left = await drain();
    const appended = appendedBy(names);
    expect(sent.length).toBeGreaterThan(100);
    const arrived = new Set([...sent, ...left]);
    expect(appended.filter(record => !arrived.has(record))).toEqual([]);
    const twice = sent.length + left.length - arrived.size;
    expect(twice).toBeLessThanOrEqual(64 * names.length);
  });

  it('three processes share a folder and come and go: nothing is lost, and no two that live send the same', {
    timeout: 120_000,
  }, async () => {
    const random = seeded(SEED + 2);
    const names: string[] = [];
    const killed = new Set<number>();
    const living: ChildProcess[] = [];
    for (let round = 0; round < 9; round++) {
      const name = `m${round}`;
      names.push(name);
      living.push(await start({ name, seed: SEED + round, sends: true }));
      await sleep(random() * 100);
      if (living.length < 3) continue;
      const [victim] = living.splice(Math.floor(random() * living.length), 1);
      if (!victim) continue;
      killed.add(victim.pid ?? 0);
      await kill(victim);
    }
    for (const child of living) {
      killed.add(child.pid ?? 0);
      await kill(child);
    }
    const last = await start({ name: 'last', seed: SEED, sends: true, maxRecords: 1 });
    names.push('last');
    const sinkPids = () => {
      const byRecord = new Map<string, number[]>();
      for (const line of linesOf('sink')) {
        const [pid = '', record = ''] = line.split(' ');
        byRecord.set(record, [...(byRecord.get(record) ?? []), Number(pid)]);
      }
      return byRecord;
    };
    const appended = appendedBy(names);
    await until('all arrives', () => {
      const arrived = sinkPids();
      return appended.every(record => arrived.has(record));
    }).catch(() => {});
    await kill(last);
    const byRecord = sinkPids();
    expect(appended.filter(record => !byRecord.has(record))).toEqual([]);
    const twice = [...byRecord.values()].filter(pids => pids.length > 1);
    // Only what a process had sent, and not acknowledged when it was killed, is sent again.
    expect(twice.filter(pids => pids.slice(0, -1).some(pid => !killed.has(pid)))).toEqual([]);
    expect(twice.length).toBeLessThanOrEqual(64 * killed.size);
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

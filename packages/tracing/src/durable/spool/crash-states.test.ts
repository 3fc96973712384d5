import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecordingLog, scratchFolder } from '../testing/scratch.ts';
import { watchChanges } from '../testing/watch-changes.ts';
import { dropsIn } from './ledger.ts';
import { Spool } from './spool.ts';

/*
 * A killed process leaves exactly what its system calls did. So a copy of the folder before each call that changes
 * something is every state that a kill can leave, and each of them is opened here as the next process would.
 */
const CHANGES = [
  'writeSync',
  'ftruncateSync',
  'renameSync',
  'unlinkSync',
  'writeFileSync',
  'appendFileSync',
  'openSync',
  'mkdirSync',
  'utimesSync',
] as const;

const ALL = { maxRecords: 10, maxBytes: 1024 * 1024 };

let scratch: ReturnType<typeof scratchFolder>;

beforeEach(() => {
  scratch = scratchFolder({ fast: true });
});
afterEach(() => {
  scratch[Symbol.dispose]();
});

interface CrashState {
  readonly call: string;
  readonly folder: string;
  /** Appends that had returned. */
  readonly appended: readonly string[];
  /** Acknowledgements that had been asked for: they arrived. */
  readonly arrived: readonly string[];
}

/** Its owners are dead: they lived in other processes. */
function copyAsOfDeadProcess(from: string, to: string): void {
  fs.cpSync(from, to, { recursive: true });
  const owners = join(to, 'owners');
  if (!fs.existsSync(owners)) return;
  for (const file of fs.readdirSync(owners)) {
    const path = join(owners, file);
    const text = fs.readFileSync(path, 'utf8');
    if (text !== '') fs.writeFileSync(path, JSON.stringify({ ...JSON.parse(text), startTicks: '1' }));
  }
}

async function crashStatesOf(
  folder: string,
  life: (spool: () => Spool, appended: string[], arrived: string[]) => Promise<void>,
  from = 0,
): Promise<CrashState[]> {
  const states: CrashState[] = [];
  const appended: string[] = [];
  const arrived: string[] = [];
  using _watch = watchChanges(CHANGES, call => {
    if (appended.length < from) return;
    const copy = join(scratch.path, `state-${states.length}`);
    if (fs.existsSync(folder)) copyAsOfDeadProcess(folder, copy);
    else fs.mkdirSync(copy);
    states.push({ call, folder: copy, appended: [...appended], arrived: [...arrived] });
  });
  await life(
    () => new Spool({ folder, maxBytes: 64 * 1024, segmentBytes: 1_024, log: new RecordingLog() }),
    appended,
    arrived,
  );
  return states;
}

async function recover(folder: string): Promise<string[]> {
  await using spool = new Spool({ folder, log: new RecordingLog() });
  await spool.keepHouse();
  const records: string[] = [];
  for (;;) {
    await using batch = await spool.take('traces', ALL);
    if (!batch) break;
    records.push(...batch.records.map(({ payload }) => payload.toString().trim()));
    batch.acknowledge(batch.records.length);
  }
  expect(spool.stats().dropped).toEqual({});
  return records;
}

function append(spool: Spool, appended: string[], count: number): void {
  for (let i = 0; i < count; i++) {
    const text = `r${appended.length}`;
    if (spool.append('traces', Buffer.from(text.padEnd(300))).kind === 'stored') appended.push(text);
  }
}

async function sendOne(spool: Spool, arrived: string[], count: number): Promise<void> {
  await using batch = await spool.take('traces', ALL);
  if (!batch) return;
  arrived.push(...batch.records.slice(0, count).map(({ payload }) => payload.toString().trim()));
  batch.acknowledge(Math.min(count, batch.records.length));
}

describe('killed before any system call', () => {
  it('no record is lost, and none that was acknowledged for good comes again', { timeout: 60_000 }, async () => {
    const folder = join(scratch.path, 'spool');
    const states = await crashStatesOf(folder, async (open, appended, arrived) => {
      {
        await using spool = open();
        append(spool, appended, 9);
        await sendOne(spool, arrived, 2);
        await sendOne(spool, arrived, 10);
        append(spool, appended, 3);
      }
      {
        await using spool = open();
        await spool.keepHouse();
        append(spool, appended, 2);
        for (let i = 0; i < 6; i++) await sendOne(spool, arrived, 3);
      }
    });
    expect(states.length).toBeGreaterThan(50);
    expect(new Set(states.map(state => state.call)).size).toBeGreaterThan(5);
    for (const [at, { call, folder: copy, appended, arrived }] of states.entries()) {
      const recovered = await recover(copy);
      const all = new Set([...recovered, ...arrived]);
      const where = `state ${at}, before ${call}`;
      expect([where, appended.filter(text => !all.has(text))]).toEqual([where, []]);
      // One batch had arrived, at most, without its acknowledgement in the file.
      const twice = recovered.filter(text => arrived.includes(text)).length;
      expect([where, twice <= ALL.maxRecords, new Set(recovered).size]).toEqual([where, true, recovered.length]);
    }
  });

  it('what was dropped by the bound is counted exactly', { timeout: 60_000 }, async () => {
    const folder = join(scratch.path, 'spool');
    const fill = 190;
    const life: Parameters<typeof crashStatesOf>[1] = async (open, appended, arrived) => {
      await using spool = open();
      append(spool, appended, fill);
      await sendOne(spool, arrived, 2);
      append(spool, appended, 15);
    };
    const states = await crashStatesOf(folder, life, fill);
    for (const [at, { call, folder: copy, appended, arrived }] of states.entries()) {
      const recovered = await recover(copy);
      const all = new Set([...recovered, ...arrived]);
      const lost = appended.filter(text => !all.has(text)).length;
      const counted = dropsIn(copy).reduce((sum, drop) => sum + drop.items, 0);
      expect([`state ${at}, before ${call}`, lost]).toEqual([`state ${at}, before ${call}`, counted]);
    }
    expect(dropsIn(folder).length).toBeGreaterThan(2);
  });
});

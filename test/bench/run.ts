import { loadavg } from 'node:os';
import { engine } from '../engines/index.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { describeMachine } from './measure/machine.ts';
import { summarise } from './measure/statistics.ts';
import type { Profile } from './profile.ts';
import type { GroupResult, Results, RowResult } from './results.ts';
import { GROUPS, type Group, groupOf, type Row, type Sample } from './row.ts';
import { World } from './world/world.ts';

export interface RunOptions {
  readonly rows: readonly Row[];
  readonly profile: Profile;
  readonly cpuProfileFolder?: string | undefined;
  /** Told of all that was found so far, after each group. */
  readonly keep?: (results: Results) => Promise<void>;
  /** Told what is being done. */
  readonly say: (line: string) => void;
}

/**
 * Measures the rows, group by group: all of a group are up at the same time, and take turns, so that whatever else the
 * machine does meanwhile is shared out among them.
 */
export async function runBench({ rows, profile, cpuProfileFolder, keep, say }: RunOptions): Promise<Results> {
  const startedAt = new Date().toISOString();
  const engines = [await engine('envoy'), await engine('h2load')] as const;
  const machine = await describeMachine(engines);
  const groups: GroupResult[] = [];
  const found = (): Results => ({
    v: 1,
    startedAt,
    profile: profile.name,
    rounds: profile.rounds,
    machine,
    groups,
  });
  for (const group of GROUPS) {
    const ofGroup = rows.filter(row => groupOf(row) === group);
    if (ofGroup.length === 0) continue;
    const stage = new Stage();
    try {
      const folder = await tempDir(stage, 'bench');
      const world = new World({ stage, folder, envoy: engines[0], h2load: engines[1], cpuProfileFolder });
      groups.push(await runGroup(group, ofGroup, world, profile, say));
    } finally {
      await stage.dispose();
    }
    await keep?.(found());
  }
  return found();
}

async function runGroup(
  group: Group,
  rows: readonly Row[],
  world: World,
  profile: Profile,
  say: RunOptions['say'],
): Promise<GroupResult> {
  const opened: { row: Row; measure: (round: number) => Promise<Sample>; samples: Sample[] }[] = [];
  for (const row of rows) {
    say(`${row.id}: starting`);
    opened.push({ row, measure: await row.open(world, profile), samples: [] });
  }
  for (let round = 0; round < profile.rounds; round++) {
    // Each round begins with another one, so that none always comes after the same neighbour.
    for (let at = 0; at < opened.length; at++) {
      const turn = opened[(at + round) % opened.length];
      if (turn === undefined) continue;
      const sample = await twice(() => turn.measure(round), say);
      turn.samples.push(sample);
      say(`${turn.row.id} ${round + 1}/${profile.rounds}: ${inShort(sample)}`);
    }
  }
  const results = opened.map(
    ({ row, samples }): RowResult => ({ id: row.id, label: row.label, figures: figuresOf(samples) }),
  );
  return { group, loadAtEnd: loadavg()[0] ?? Number.NaN, rows: results };
}

/** A machine that stands still for seconds makes servers give up on checks; that is no reason to lose a long run. */
async function twice<T>(measure: () => Promise<T>, say: RunOptions['say']): Promise<T> {
  try {
    return await measure();
  } catch (error) {
    say(`once more, since ${error instanceof Error ? error.message : String(error)}`);
    return measure();
  }
}

function figuresOf(samples: readonly Sample[]): RowResult['figures'] {
  const names = Object.keys(samples[0] ?? {});
  return Object.fromEntries(names.map(name => [name, summarise(samples.map(sample => sample[name] ?? Number.NaN))]));
}

function inShort(sample: Sample): string {
  return Object.entries(sample)
    .map(([name, value]) => `${name} ${value < 100 ? value.toFixed(1) : Math.round(value)}`)
    .join(', ');
}

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
  /** When to be content with the rounds that were measured, in milliseconds from the start: one of each row there is always. Default never. */
  readonly maxMs?: number | undefined;
  /** Told of all that was found so far, after each group. */
  readonly keep?: (results: Results) => Promise<void>;
  /** Told what is being done. */
  readonly say: (line: string) => void;
}

/**
 * Measures the rows, group by group: all of a group are up at the same time, and take turns, so that whatever else the
 * machine does meanwhile is shared out among them.
 */
export async function runBench({ rows, profile, cpuProfileFolder, maxMs, keep, say }: RunOptions): Promise<Results> {
  const startedAt = new Date().toISOString();
  const end = maxMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + maxMs;
  const wanted = GROUPS.filter(group => rows.some(row => groupOf(row) === group));
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
    const until = groupEnd(wanted.slice(wanted.indexOf(group)), end);
    const stage = new Stage();
    try {
      const folder = await tempDir(stage, 'bench');
      const world = new World({ stage, folder, envoy: engines[0], h2load: engines[1], cpuProfileFolder });
      groups.push(await runGroup(group, ofGroup, { world, profile, until, say }));
    } finally {
      await stage.dispose().catch(error => say(`${group} did not end as it should: ${inOneLine(error)}`));
    }
    await keep?.(found());
  }
  return found();
}

/** How the time is shared out among groups, by how many rows they have and how long a round of those takes. */
const SHARES: Partial<Record<Group, number>> = { gateway: 4, server: 3, cold: 2, storm: 2 };

/** When the first of these groups is to begin no further round: what it leaves over is for the others. */
function groupEnd(groups: readonly Group[], end: number): number {
  const shares = groups.map(group => SHARES[group] ?? 1);
  const now = performance.now();
  return now + ((end - now) * (shares[0] ?? 1)) / shares.reduce((sum, share) => sum + share, 0);
}

interface Opened {
  readonly row: Row;
  readonly measure?: (round: number) => Promise<Sample>;
  readonly samples: Sample[];
  failed?: string;
}

/** What can't be started, or measured twice in a row, is said to have failed; the others go on. */
async function runGroup(
  group: Group,
  rows: readonly Row[],
  {
    world,
    profile,
    until,
    say,
  }: { readonly world: World; readonly until: number } & Pick<RunOptions, 'profile' | 'say'>,
): Promise<GroupResult> {
  const opened: Opened[] = [];
  const fail = (row: Row, error: unknown) => {
    say(`${row.id} failed: ${inOneLine(error)}`);
    return inOneLine(error);
  };
  for (const row of rows) {
    say(`${row.id}: starting`);
    world.rowId = row.id;
    const started = await row.open(world, profile).then(
      measure => ({ measure }),
      error => ({ failed: fail(row, error) }),
    );
    opened.push({ row, samples: [], ...started });
  }
  await world.warm(rows.map(({ id }) => id));
  for (let round = 0; round < profile.rounds; round++) {
    if (round > 0 && performance.now() > until) break;
    // Each round begins with another one, so that none always comes after the same neighbour.
    for (let at = 0; at < opened.length; at++) {
      const turn = opened[(at + round) % opened.length];
      if (turn?.measure === undefined || turn.failed !== undefined) continue;
      const { row, measure, samples } = turn;
      world.rowId = row.id;
      try {
        const sample = await twice(() => measure(round), say);
        samples.push(sample);
        say(`${row.id} ${round + 1}/${profile.rounds}: ${inShort(sample)}`);
      } catch (error) {
        turn.failed = fail(row, error);
      }
    }
  }
  const results = opened.map(
    ({ row, samples, failed }): RowResult => ({
      id: row.id,
      label: row.label,
      figures: figuresOf(samples),
      ...(failed !== undefined && { failed }),
    }),
  );
  return { group, loadAtEnd: loadavg()[0] ?? Number.NaN, rows: results };
}

function inOneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s+/g, ' ').slice(0, 300);
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

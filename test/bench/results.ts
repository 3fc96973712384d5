import type { Machine } from './measure/machine.ts';
import type { Summary } from './measure/statistics.ts';
import type { Group } from './row.ts';

export interface RowResult {
  readonly id: string;
  readonly label: string;
  /** By the name of the figure, which ends in its unit. */
  readonly figures: Readonly<Record<string, Summary>>;
  /** Why there is no more of it: the row could not be started, or measured. */
  readonly failed?: string;
}

export interface GroupResult {
  readonly group: Group;
  /** Load average over one minute when the group was done: two cores that are loaded by it alone come to about 2. */
  readonly loadAtEnd: number;
  readonly rows: readonly RowResult[];
}

/** What one run of the bench found, as it is written to a file. */
export interface Results {
  readonly v: 1;
  readonly startedAt: string;
  readonly profile: string;
  readonly rounds: number;
  readonly machine: Machine;
  readonly groups: readonly GroupResult[];
}

/** The median of a row's figure, if it was measured. */
export function medianOf(results: Results, id: string, figure: string): number | undefined {
  return results.groups.flatMap(({ rows }) => rows).find(row => row.id === id)?.figures[figure]?.median;
}

/** How a row's figure compares with another row's, by the medians. */
export function ratio(results: Results, figure: string, id: string, to: string): number | undefined {
  const one = medianOf(results, id, figure);
  const other = medianOf(results, to, figure);
  return one === undefined || other === undefined ? undefined : one / other;
}

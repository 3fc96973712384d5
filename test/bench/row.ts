import type { Profile } from './profile.ts';
import type { World } from './world/world.ts';

export const GROUPS = [
  'gateway',
  'server',
  'wall',
  'cold',
  'client',
  'imports',
  'spans',
  'storm',
  'workers',
  'memory',
] as const;

export type Group = (typeof GROUPS)[number];

/** What one round of a row gave, by the name of the figure; the unit is in the name. */
export type Sample = Readonly<Record<string, number>>;

/** One line of the table: something that is measured beside the others of its group. */
export interface Row {
  /** `group/name`, stable: results are compared by it. */
  readonly id: `${Group}/${string}`;
  readonly label: string;
  /** Starts what the row needs, on the world's stage, and shows that it works; what it gives measures one round. */
  open(world: World, profile: Profile): Promise<(round: number) => Promise<Sample>>;
}

export function groupOf({ id }: Pick<Row, 'id'>): Group {
  return id.slice(0, id.indexOf('/')) as Group;
}

/** How much is in the databases, and how much of each row is run. */
export interface ScaleProfile {
  readonly name: 'full' | 'quick' | 'smoke';
  readonly pipeds: { readonly postgres: number; readonly embedded: number };
  readonly lookups: number;
  /** For latencies, at half of the rate that is aimed at. */
  readonly steadySeconds: number;
  readonly creations: number;
  /** Where pages of the list are read from. */
  readonly places: number;
  /** Of the use of 500 keys each. */
  readonly reports: number;
  readonly followers: number;
}

export const SCALE_PROFILES = {
  full: {
    name: 'full',
    pipeds: { postgres: 1_000_000, embedded: 100_000 },
    lookups: 60_000,
    steadySeconds: 20,
    creations: 6_000,
    places: 300,
    reports: 100,
    followers: 1_000,
  },
  quick: {
    name: 'quick',
    pipeds: { postgres: 100_000, embedded: 20_000 },
    lookups: 20_000,
    steadySeconds: 5,
    creations: 1_500,
    places: 100,
    reports: 40,
    followers: 1_000,
  },
  /** Whether it runs at all. Its figures mean nothing. */
  smoke: {
    name: 'smoke',
    pipeds: { postgres: 3_000, embedded: 3_000 },
    lookups: 500,
    steadySeconds: 1,
    creations: 50,
    places: 5,
    reports: 2,
    followers: 50,
  },
} as const satisfies Record<string, ScaleProfile>;

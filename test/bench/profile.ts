/** How much of each row is run. */
export interface Profile {
  readonly name: 'quick' | 'full' | 'smoke';
  /** Times that each row is measured, in turn with its neighbours. */
  readonly rounds: number;
  /** After this many minutes no row is measured once more than it must be. */
  readonly maxMinutes: number;
  /** Checks in each round: through Envoy, straight at a server, and those that cost a bcrypt each. */
  readonly checks: {
    readonly gateway: number;
    readonly direct: number;
    /** On other versions of Node.js. */
    readonly wall: number;
    readonly cold: number;
    readonly bcrypt: number;
  };
  /** Pipeds that an auth server keeps in memory, at most, and checks until all else in its memory is as large as it gets. */
  readonly memory: { readonly entries: number; readonly checks: number };
  readonly exports: number;
  readonly spans: number;
  /** Pipeds that come at once, of whom so many are answered at a time, and checks of a known one meanwhile. */
  readonly storm: { readonly pipeds: number; readonly inFlight: number; readonly cachedPerSecond: number };
}

export const PROFILES = {
  full: {
    name: 'full',
    rounds: 5,
    maxMinutes: 20,
    checks: { gateway: 40_000, direct: 60_000, wall: 25_000, cold: 10_000, bcrypt: 60 },
    memory: { entries: 1_000_000, checks: 20_000 },
    exports: 15_000,
    spans: 100_000,
    storm: { pipeds: 20_000, inFlight: 4096, cachedPerSecond: 200 },
  },
  quick: {
    name: 'quick',
    rounds: 3,
    maxMinutes: 2,
    checks: { gateway: 8000, direct: 12_000, wall: 4000, cold: 3000, bcrypt: 15 },
    memory: { entries: 5000, checks: 5000 },
    exports: 3000,
    spans: 30_000,
    storm: { pipeds: 3000, inFlight: 3000, cachedPerSecond: 100 },
  },
  /** Whether it runs at all. Its figures mean nothing. */
  smoke: {
    name: 'smoke',
    rounds: 1,
    maxMinutes: 1,
    checks: { gateway: 100, direct: 100, wall: 100, cold: 100, bcrypt: 2 },
    memory: { entries: 100, checks: 100 },
    exports: 50,
    spans: 1000,
    storm: { pipeds: 100, inFlight: 100, cachedPerSecond: 50 },
  },
} as const satisfies Record<string, Profile>;

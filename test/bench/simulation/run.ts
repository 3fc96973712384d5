import { type FanOutResult, fanOut } from './fan-out.ts';
import type { Figures } from './figures.ts';
import { coldStorm, EXPORT_EVERY_MS, type StormResult } from './storm.ts';

/** How much of a core a server is given to do when all is well. */
export const PLANNED = 0.6;
export const FLEETS = [10_000, 100_000, 1_000_000] as const;
const SEED = 20_251;
const READ_MICROS = 500;

export interface FleetStorm {
  readonly pipeds: number;
  /** Auth servers, of one core each, that the fleet has when all is well. */
  readonly servers: number;
  readonly replicas: number;
  /** Restarted at the same moment. */
  readonly restarted: number;
  readonly result: StormResult;
}

export interface FanOutRow {
  readonly followers: number;
  readonly changesPerSecond: number;
  /** Share of followers that read no faster than a modem. */
  readonly slowShare: number;
  readonly result: FanOutResult;
}

export interface SimulationResults {
  readonly v: 1;
  readonly seed: number;
  /** What it was run with: another run of the bench wants another run of this. */
  readonly figures: Figures;
  readonly storms: readonly FleetStorm[];
  readonly fanOuts: readonly FanOutRow[];
}

export function serversFor(pipeds: number, { checkMicros }: Figures): number {
  return Math.max(1, Math.ceil(((pipeds / (EXPORT_EVERY_MS / 1000)) * checkMicros) / 1e6 / PLANNED));
}

export async function simulate(figures: Figures, say: (line: string) => void): Promise<SimulationResults> {
  const { checkMicros: warmMicros, coldMicros, lookupMicros, writeMicros } = figures;
  const storms: FleetStorm[] = [];
  for (const pipeds of FLEETS) {
    const servers = serversFor(pipeds, figures);
    const plans: (readonly [restarted: number, replicas: number])[] = [[1, 1]];
    if (servers > 1) plans.push([servers, 1], [servers, 4]);
    for (const [restarted, replicas] of plans) {
      say(`${restarted} of ${servers} auth servers restart, ${pipeds} pipeds, ${replicas} replicas`);
      const result = await coldStorm({
        seed: SEED,
        pipeds: Math.ceil(pipeds / servers),
        serversAtOnce: restarted,
        replicas,
        warmMicros,
        coldMicros,
        // What asking costs was not measured by itself; to ask takes about what it takes to answer.
        askMicros: lookupMicros,
        lookupMicros,
      });
      storms.push({ pipeds, servers, replicas, restarted, result });
    }
  }
  const fanOuts: FanOutRow[] = [];
  for (const [followers, changesPerSecond, slowShare] of [
    [10, 100, 0],
    [100, 100, 0],
    [1000, 1, 0],
    [1000, 10, 0],
    [1000, 100, 0],
    [2000, 100, 0],
    [100, 10, 0.05],
  ] as const) {
    say(`${followers} followers, ${changesPerSecond} changes per second`);
    // A record is some 800 bytes: who takes less than comes is cut off once a megabyte waits.
    const slow = { share: slowShare, bytesPerSecond: 100 };
    const rest = { followers, changesPerSecond, slow, writeMicros, readMicros: READ_MICROS };
    const result = await fanOut({ seed: SEED, seconds: slowShare > 0 ? 150 : 10, ...rest });
    fanOuts.push({ followers, changesPerSecond, slowShare, result });
  }
  return { v: 1, seed: SEED, figures, storms, fanOuts };
}

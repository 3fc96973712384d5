import { loadavg } from 'node:os';
import { engine } from '../../engines/index.ts';
import { Stage } from '../../harness/stage.ts';
import { tempDir } from '../../harness/temp.ts';
import { cpuMicros, residentKib } from '../measure/cpu.ts';
import { describeMachine, type Machine } from '../measure/machine.ts';
import { createKeys } from './creations.ts';
import { revokeBeforeFollowers } from './followers.ts';
import { readPlaces, spread, walkList } from './lists.ts';
import { lookUp } from './lookups.ts';
import type { ScaleProfile } from './profile.ts';
import { type FilledRegistry, filledEmbedded, filledPostgres } from './registries.ts';
import { reportUse } from './reports.ts';
import { LOOKUPS_PER_SECOND } from './targets.ts';

export type DatabaseName = 'postgres' | 'embedded';

/** What was measured on one database. Rates per second, times in milliseconds, memory in MiB. */
export interface ScaleFigures {
  readonly pipeds: number;
  readonly lookupsPerSecond: number;
  /** Processor time of the control plane per look-up, in microseconds: what others do on the machine matters less to it. */
  readonly lookupMicros: number;
  /** At half of the rate that is aimed at. */
  readonly lookupP50Ms: number;
  readonly lookupP99Ms: number;
  readonly keysPerSecond: number;
  readonly keyMicros: number;
  readonly keyP99Ms: number;
  /** Pages of 100 from places all over the list, and of 1000, the most there can be, all of the list. */
  readonly page100P99Ms: number;
  readonly page100MaxMs: number;
  readonly page1000P99Ms: number;
  readonly page1000MaxMs: number;
  /** Pages of 100 of pipeds in one state, of one name in all projects, and of searches that find some or nothing. */
  readonly filteredP99Ms: number;
  readonly filteredMaxMs: number;
  /** Keys whose last use is noted, in reports of 500, one after the other. */
  readonly usesPerSecond: number;
  readonly useMicros: number;
  readonly followers: number;
  readonly revocationP50Ms: number;
  readonly revocationMaxMs: number;
  /** Processor time of the control plane per event and follower, of the revocations; absent from older results. */
  readonly eventMicros?: number;
  readonly memoryMib: number;
  readonly loadAtEnd: number;
}

export interface ScaleResults {
  readonly v: 1;
  readonly startedAt: string;
  /** All of it, with filling the databases. */
  readonly seconds: number;
  readonly profile: string;
  readonly machine: Machine;
  readonly databases: Readonly<Partial<Record<DatabaseName, ScaleFigures>>>;
}

export interface ScaleOptions {
  readonly profile: ScaleProfile;
  readonly databases: readonly DatabaseName[];
  readonly cpuProfileFolder?: string | undefined;
  /** Told what is being done. */
  readonly say: (line: string) => void;
}

const FILTERS = [{ status: 'disabled' }, { piped: 'piped-0500' }, { search: 'PED-05' }, { search: 'nobody' }];

/** Measures a control plane with many pipeds in its registry, on one database after the other. */
export async function runScale(options: ScaleOptions): Promise<ScaleResults> {
  const startedAt = new Date().toISOString();
  const [postgres, h2load] = [await engine('postgres'), await engine('h2load')];
  const machine = await describeMachine([postgres, h2load]);
  const databases: Partial<Record<DatabaseName, ScaleFigures>> = {};
  for (const name of options.databases) {
    const stage = new Stage();
    try {
      const { profile, cpuProfileFolder, say } = options;
      const pipeds = profile.pipeds[name];
      say(`${name}: ${pipeds} pipeds`);
      const wanted = { stage, pipeds, kids: Math.min(pipeds, 200_000), cpuProfileFolder };
      const registry = await (name === 'postgres' ? filledPostgres(wanted, postgres) : filledEmbedded(wanted));
      databases[name] = await measure(registry, await tempDir(stage, 'bench'), h2load.path, options);
    } finally {
      await stage.dispose();
    }
  }
  const seconds = Math.round((Date.now() - Date.parse(startedAt)) / 1000);
  return { v: 1, startedAt, seconds, profile: options.profile.name, machine, databases };
}

async function measure(
  registry: FilledRegistry,
  folder: string,
  h2load: string,
  { profile, say }: ScaleOptions,
): Promise<ScaleFigures> {
  let memoryMib = 0;
  let usedMicros = 0;
  const told = async <T extends object>(what: string, work: () => Promise<T>): Promise<T> => {
    const before = await cpuMicros(registry.process.pid);
    const result = await work();
    usedMicros = (await cpuMicros(registry.process.pid)) - before;
    memoryMib = Math.max(memoryMib, (await residentKib(registry.process.pid)) / 1024);
    const figures = Object.entries(result).flatMap(([figure, value]) =>
      typeof value === 'number' ? [`${figure} ${value.toFixed(1)}`] : [],
    );
    say(`${what}: ${figures.join(', ')}; ${Math.round(memoryMib)} MiB`);
    return result;
  };
  const connections = 16;
  const look = (requests: number, perSecond?: number) =>
    lookUp(h2load, registry, {
      folder,
      load: { requests, connections, ...(perSecond !== undefined && { perSecond }) },
    });
  await told('look-ups, to warm up', () => look(Math.ceil(profile.lookups / 4)));
  const fast = await told('look-ups, as fast as they go', () => look(profile.lookups));
  const half = LOOKUPS_PER_SECOND / 2;
  const lookupMicros = usedMicros / profile.lookups;
  const steady = await told(`look-ups, ${half} per second`, () => look(half * profile.steadySeconds, half));
  const keys = await told('keys made', () => createKeys(registry, { count: profile.creations }));
  const keyMicros = usedMicros / profile.creations;
  const large = await told('pages of 1000', () => walkList(registry, { limit: 1000 }));
  const places = spread(large.places, profile.places);
  const small = await told('pages of 100', () => readPlaces(registry, places, { limit: '100' }));
  const filtered = await told('pages of 100 with a filter', () =>
    readPlaces(registry, places, ...FILTERS.map(filter => ({ limit: '100', ...filter }))),
  );
  const reports = await told('last uses reported', () => reportUse(registry, profile.reports));
  const useMicros = usedMicros / reports.entries;
  const { followers } = profile;
  const revoked = await told('revocations', () =>
    revokeBeforeFollowers(registry, { followers, revocations: 10, usedMicros: () => cpuMicros(registry.process.pid) }),
  );
  return {
    pipeds: registry.pipeds,
    lookupsPerSecond: fast.perSecond,
    lookupMicros,
    lookupP50Ms: steady.p50Ms,
    lookupP99Ms: steady.p99Ms,
    keysPerSecond: keys.perSecond,
    keyMicros,
    keyP99Ms: keys.p99Ms,
    page100P99Ms: small.p99Ms,
    page100MaxMs: small.maxMs,
    page1000P99Ms: large.p99Ms,
    page1000MaxMs: large.maxMs,
    filteredP99Ms: filtered.p99Ms,
    filteredMaxMs: filtered.maxMs,
    usesPerSecond: reports.perSecond,
    useMicros,
    followers,
    revocationP50Ms: revoked.p50Ms,
    revocationMaxMs: revoked.maxMs,
    ...(revoked.eventMicros !== undefined && { eventMicros: revoked.eventMicros }),
    memoryMib,
    loadAtEnd: loadavg()[0] ?? Number.NaN,
  };
}

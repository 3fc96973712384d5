import type { ScaleResults } from '../control-plane/run.ts';
import { medianOf, type Results } from '../results.ts';

/** What was measured, and the simulation and the estimates rest on. Microseconds of one core unless said otherwise. */
export interface Figures {
  /** A check whose answer is known, over HTTP through Envoy. */
  readonly gatewayMicros: number;
  readonly checkMicros: number;
  /** The same over gRPC. */
  readonly gatewayGrpcMicros: number;
  readonly checkGrpcMicros: number;
  /** A credential that was not seen before, of a key that is at hand. */
  readonly coldMicros: number;
  readonly lookupMicros: number;
  readonly lookupsPerSecond: number;
  readonly keysPerSecond: number;
  readonly useMicros: number;
  readonly usesPerSecond: number;
  /**
   * One frame to one follower: processor time. Of results that have none, from how far apart the one in the middle and
   * the last of all were told, which is more on a busy machine.
   */
  readonly writeMicros: number;
  readonly memoryMib: number;
}

/** Which figure is in which file, for the page. */
export function sourcesOf({ databases: { postgres } }: ScaleResults): Readonly<Record<keyof Figures, string>> {
  const writeMicros =
    postgres?.eventMicros === undefined ? '`revocationMaxMs`, `revocationP50Ms`, `followers`' : '`eventMicros`';
  return { ...SOURCES, writeMicros: `\`control-plane.json\`, ${writeMicros}` };
}

const SOURCES: Readonly<Record<Exclude<keyof Figures, 'writeMicros'>, string>> = {
  gatewayMicros: '`measured.json`, `gateway/spanpass-http`',
  checkMicros: '`measured.json`, `gateway/spanpass-http`',
  gatewayGrpcMicros: '`measured.json`, `gateway/spanpass-grpc`',
  checkGrpcMicros: '`measured.json`, `gateway/spanpass-grpc`',
  coldMicros: '`measured.json`, `cold/spanpass`',
  lookupMicros: '`control-plane.json`, `lookupMicros`',
  lookupsPerSecond: '`control-plane.json`, `lookupsPerSecond`',
  keysPerSecond: '`control-plane.json`, `keysPerSecond`',
  useMicros: '`control-plane.json`, `useMicros`',
  usesPerSecond: '`control-plane.json`, `usesPerSecond`',
  memoryMib: '`control-plane.json`, `memoryMib`',
};

/** @throws Error naming what was not measured */
export function figuresOf(checks: Results, { databases }: ScaleResults): Figures {
  const { postgres } = databases;
  if (postgres === undefined) throw new Error('the control plane was not measured on PostgreSQL');
  const row = (id: string, figure: string) => {
    const found = medianOf(checks, id, figure);
    if (found === undefined) throw new Error(`${id} was not measured`);
    return found;
  };
  const { eventMicros, revocationMaxMs, revocationP50Ms, followers } = postgres;
  return {
    gatewayMicros: row('gateway/spanpass-http', 'gatewayMicros'),
    checkMicros: row('gateway/spanpass-http', 'serverMicros'),
    gatewayGrpcMicros: row('gateway/spanpass-grpc', 'gatewayMicros'),
    checkGrpcMicros: row('gateway/spanpass-grpc', 'serverMicros'),
    coldMicros: row('cold/spanpass', 'cpuMicros'),
    lookupMicros: postgres.lookupMicros,
    lookupsPerSecond: postgres.lookupsPerSecond,
    keysPerSecond: postgres.keysPerSecond,
    useMicros: postgres.useMicros,
    usesPerSecond: postgres.usesPerSecond,
    writeMicros: Math.max(1, eventMicros ?? ((revocationMaxMs - revocationP50Ms) * 1000) / (followers / 2)),
    memoryMib: postgres.memoryMib,
  };
}

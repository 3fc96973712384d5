import { hash } from '@node-rs/bcrypt';
import { NOW_SECONDS } from '../fixture.test.support.ts';
import type { PipecdRecord } from './pipecd/record.ts';
import type { PipedRecord, PipedSource } from './piped-source.ts';

/** A key of the length and letters that PipeCD makes. */
export const KEY = 'k3y0fth3p1p3d'.padEnd(50, 'x7');

/** bcrypt at its lowest cost, so that tests take milliseconds. */
export function hashOf(key: string): Promise<string> {
  return hash(key, { cost: 4, version: '2a' });
}

export function recordOf(changes: Partial<PipecdRecord> = {}): PipecdRecord {
  const record: PipecdRecord = {
    project: 'shop',
    piped: 'edge-1',
    pipedStatus: 'active',
    projectStatus: 'active',
    scopes: ['traces'],
    revision: NOW_SECONDS,
    hashes: [],
    ...changes,
  };
  return Object.freeze(record);
}

/** A source that believes whatever was put into it, and counts what it is asked. */
export function memoryPipeds<R extends PipedRecord>(...records: R[]) {
  const byName = new Map<string, R>();
  const source = {
    lookups: 0,
    put: (record: R): void => {
      byName.set(`${record.project},${record.piped}`, record);
    },
    remove: (project: string, piped: string): void => {
      byName.delete(`${project},${piped}`);
    },
    peek: (project: string, piped: string) => byName.get(`${project},${piped}`),
    lookup: (project: string, piped: string) => {
      source.lookups++;
      return byName.get(`${project},${piped}`);
    },
  } satisfies PipedSource<R> & Record<string, unknown>;
  for (const record of records) source.put(record);
  return source;
}

/** A source that never answers. */
export const silentPipeds: PipedSource<never> = {
  peek: () => undefined,
  lookup: () => new Promise(() => {}),
};

import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import type { Engine } from '../../engines/index.ts';
import { freePorts } from '../../harness/ports.ts';
import { startPostgres } from '../../harness/postgres.ts';
import type { RunningProcess } from '../../harness/process.ts';
import { type ControlPlaneSettings, startControlPlane } from '../../harness/servers.ts';
import type { Stage } from '../../harness/stage.ts';
import { tempDir } from '../../harness/temp.ts';
import { type Execute, fillRegistry, someKids } from './fill.ts';

export const ADMIN_TOKEN = 'admin-token-of-the-bench-0123456789';
export const AUTH_SERVER_TOKEN = 'auth-server-token-of-the-bench-0123456789';

/** A control plane that has just been started on a registry with many pipeds in it. */
export interface FilledRegistry {
  readonly url: string;
  readonly process: RunningProcess;
  readonly pipeds: number;
  /** Of keys that are there, at random. */
  readonly kids: readonly string[];
}

export interface RegistryOptions {
  readonly stage: Stage;
  readonly pipeds: number;
  readonly kids: number;
  readonly cpuProfileFolder?: string | undefined;
}

export async function filledPostgres(options: RegistryOptions, engine: Engine): Promise<FilledRegistry> {
  // As it comes, and as whoever keeps keys runs it: what a commit costs is a part of what is measured.
  const { url } = await startPostgres(options.stage, engine, { settings: ['fsync=on'] });
  return filled(options, url, async work => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return await work(async (sql, parameters) => (await client.query(sql, parameters && [...parameters])).rows);
    } finally {
      await client.end();
    }
  });
}

export function filledEmbedded(options: RegistryOptions): Promise<FilledRegistry> {
  return filled(options, undefined, async (work, { folder }) => {
    const database = await PGlite.create({ dataDir: join(folder, 'data', 'db') });
    try {
      return await work(
        async (sql, parameters) =>
          (await database.query<Record<string, unknown>>(sql, parameters && [...parameters])).rows,
      );
    } finally {
      await database.close();
    }
  });
}

/** The control plane makes the schema, leaves while it is filled, and comes back. */
async function filled(
  { stage, pipeds, kids, cpuProfileFolder }: RegistryOptions,
  databaseUrl: string | undefined,
  withDatabase: <T>(work: (execute: Execute) => Promise<T>, settings: ControlPlaneSettings) => Promise<T>,
): Promise<FilledRegistry> {
  const { port } = await freePorts('port');
  const folder = await tempDir(stage, 'bench-registry');
  const settings: ControlPlaneSettings = {
    folder,
    port,
    adminToken: ADMIN_TOKEN,
    authServerToken: AUTH_SERVER_TOKEN,
    databaseUrl,
    env: { SPANPASS_API_RATE: '{ burst: 1000000, perSecond: 1000000 }' },
    nodeArgs: cpuProfileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${cpuProfileFolder}`],
  };
  const first = await startControlPlane(stage, settings);
  await first.stop();
  const drawn = await withDatabase(async execute => {
    await fillRegistry(execute, pipeds);
    return someKids(execute, kids);
  }, settings);
  const process = await startControlPlane(stage, settings);
  return { url: `http://127.0.0.1:${port}`, process, pipeds, kids: drawn };
}

import { mkdir } from 'node:fs/promises';
import { PGlite } from '@electric-sql/pglite';
import { drizzle } from 'drizzle-orm/pglite';
import { migrate } from 'drizzle-orm/pglite/migrator';
import { ControlPlaneStartError, fileError } from '../problems/start-error.ts';
import type { Database, Store } from './database.ts';
import { rootCause } from './failures.ts';
import * as schema from './schema.ts';

/**
 * Opens PGlite: PostgreSQL inside this process, on one connection. It runs without fsync, so what it acknowledged
 * survives the death of the process, and not a power cut. Nothing but the caller's lock keeps a second process out.
 *
 * @param folder where the data is; in memory if none is given
 * @throws ControlPlaneStartError
 */
export async function openEmbedded(folder?: string): Promise<Store> {
  const client = await openPglite(folder);
  const database = drizzle(client, { schema });
  const db: Database = database;
  return {
    kind: 'embedded',
    db,
    transaction: work => database.transaction(tx => work(tx)),
    exclusively: work => work(db, migrationsFolder => migrate(database, { migrationsFolder })),
    close: () => client.close(),
  };
}

async function openPglite(folder: string | undefined): Promise<PGlite> {
  if (folder === undefined) return PGlite.create();
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw fileError(error, folder);
  }
  try {
    return await PGlite.create({ dataDir: folder });
  } catch (error) {
    const cause = rootCause(error);
    if (isErrno(cause)) throw fileError(cause, folder);
    throw new ControlPlaneStartError(
      'database_failed',
      `the embedded database in ${folder} does not start: restore it from a backup, or choose another data directory`,
      { cause },
    );
  }
}

function isErrno(error: unknown): boolean {
  return error instanceof Error && /^E[A-Z]+$/.test((error as NodeJS.ErrnoException).code ?? '');
}

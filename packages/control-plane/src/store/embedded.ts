import { access, mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { PGlite } from '@electric-sql/pglite';
import { drizzle } from 'drizzle-orm/pglite';
import { migrate } from 'drizzle-orm/pglite/migrator';
import { ControlPlaneStartError, fileError } from '../problems/start-error.ts';
import type { Database, Store } from './database.ts';
import { rootCause } from './failures.ts';

/** What a new database takes on disk, and what one that is there wants to start, roughly. */
const ROOM_BYTES = 48 << 20;

/**
 * Opens PGlite: PostgreSQL inside this process, on one connection. It runs without fsync, so what it acknowledged
 * survives the death of the process, and not a power cut. Nothing but the caller's lock keeps a second process out.
 *
 * @param folder where the data is; nothing else may be in it
 * @throws ControlPlaneStartError `data_dir_unusable`, `disk_full`, `database_failed`
 */
export async function openEmbedded(folder: string): Promise<Store> {
  const client = await openPglite(folder);
  const database = drizzle(client);
  const db: Database = database;
  return {
    kind: 'embedded',
    db,
    transaction: work => database.transaction(tx => work(tx)),
    exclusively: work => work(db, migrationsFolder => migrate(database, { migrationsFolder })),
    close: () => client.close(),
  };
}

async function openPglite(folder: string): Promise<PGlite> {
  const marker = `${folder}.unfinished`;
  try {
    await begin(folder, marker);
  } catch (error) {
    throw fileError(error, folder);
  }
  try {
    const client = await PGlite.create({ dataDir: folder });
    await rm(marker, { force: true });
    return client;
  } catch (error) {
    const cause = rootCause(error);
    if (isErrno(cause)) throw fileError(cause, folder);
    // From inside WebAssembly comes no errno.
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize < ROOM_BYTES)
      throw fileError(Object.assign(new Error('no space', { cause }), { code: 'ENOSPC' }), folder);
    throw new ControlPlaneStartError(
      'database_failed',
      `the embedded database in ${folder} does not start: restore it from a backup, or choose another data directory`,
      { cause },
    );
  }
}

/** A database that was not made to its end holds nothing yet, and can't be opened: it is made anew. */
async function begin(folder: string, marker: string): Promise<void> {
  const unfinished = await access(marker).then(
    () => true,
    () => false,
  );
  if (unfinished) await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length === 0) await writeFile(marker, '', { mode: 0o600 });
}

function isErrno(error: unknown): boolean {
  return error instanceof Error && /^E[A-Z]+$/.test((error as NodeJS.ErrnoException).code ?? '');
}

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { ControlPlaneStartError } from '../problems/start-error.ts';
import type { Database, Migrate } from './database.ts';

/** Beside `src` and `dist` alike. */
const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../drizzle', import.meta.url));

/**
 * Brings the database to this version's schema. To be called under the start lock.
 *
 * @throws ControlPlaneStartError `database_newer`: a newer version has been here
 */
export async function applyMigrations(db: Database, migrate: Migrate): Promise<void> {
  await migrate(MIGRATIONS_FOLDER);
  const { rows } = (await db.execute(sql`select max(created_at) as newest from drizzle.__drizzle_migrations`)) as {
    rows: { newest: string }[];
  };
  if (Number(rows[0]?.newest) > (await newestKnown())) {
    throw new ControlPlaneStartError(
      'database_newer',
      'the database was migrated by a newer version of spanpass: start that version, or restore a backup',
    );
  }
}

async function newestKnown(): Promise<number> {
  const journal = JSON.parse(await readFile(`${MIGRATIONS_FOLDER}/meta/_journal.json`, 'utf8'));
  return Math.max(...journal.entries.map((entry: { when: number }) => entry.when));
}

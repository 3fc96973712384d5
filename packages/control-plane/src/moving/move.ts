import { access, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { ControlPlaneStartError, fileError } from '../problems/start-error.ts';
import { lockDataDir } from '../store/data-dir-lock.ts';
import type { Database, Store } from '../store/database.ts';
import { openEmbedded } from '../store/embedded.ts';
import { isUnavailable } from '../store/failures.ts';
import { applyMigrations } from '../store/migrate.ts';
import { counter } from '../store/schema.ts';
import { openServed } from '../store/served.ts';
import { Journal, Write } from '../store/write.ts';
import { requireIntactAudit } from './audit-rows.ts';
import { type CopiedTable, contentOf, copyTables, tablesOf, usedTables } from './copy-tables.ts';

export interface MoveOptions {
  /** Directory of the embedded database. Nothing in it changes but its lock. */
  readonly dataDir: string;
  /** `postgresql://…` of a database that holds no control plane yet. */
  readonly databaseUrl: string;
  /** Clock, in milliseconds. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

export interface Moved {
  /** How many rows of each table were copied, and found to be the same. */
  readonly tables: readonly CopiedTable[];
  /** As before: followers go on where they were. */
  readonly revision: number;
  /** Of the audit, with one more for the move itself. */
  readonly auditSeq: number;
}

/**
 * Moves the embedded database to a PostgreSQL server: all of it in one transaction, or nothing. What is there afterwards
 * is compared with what was there before, row by row, and the chain of the audit is verified on both sides. The source
 * is read from a copy, so that it stays as it is. The signing keys are moved as they are, encrypted: the encryption key,
 * and the tokens in the data directory, are for the caller to carry.
 *
 * @throws ControlPlaneStartError `data_dir_unusable`, `data_dir_locked`, `disk_full`, `database_unreachable`,
 *   `database_failed`, `database_newer`, `move_target_used`, `audit_broken`
 */
export async function moveDatabase({ dataDir, databaseUrl, now = Date.now }: MoveOptions): Promise<Moved> {
  const folder = join(dataDir, 'db');
  await access(join(folder, 'PG_VERSION')).catch(cause => {
    const message = `${dataDir} holds no embedded database: name the data directory that it is in`;
    throw new ControlPlaneStartError('data_dir_unusable', message, { cause });
  });
  const lock = await lockDataDir(dataDir);
  const scratch = await mkdtemp(join(tmpdir(), 'spanpass-move-'));
  try {
    await cp(folder, join(scratch, 'db'), { recursive: true }).catch(error => {
      throw fileError(error, scratch);
    });
    const source = await openEmbedded(join(scratch, 'db'));
    try {
      await source.exclusively(applyMigrations);
      const target = await openServed(databaseUrl, 2);
      try {
        return await move(source, target, now);
      } finally {
        await target.close();
      }
    } finally {
      await source.close();
    }
  } catch (cause) {
    if (cause instanceof ControlPlaneStartError) throw cause;
    throw new ControlPlaneStartError(
      isUnavailable(cause) ? 'database_unreachable' : 'database_failed',
      'the database could not be moved, and the target is as it was: see its log, and that its user may create tables',
      { cause },
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
    await lock.release();
  }
}

/** Under the start lock, so that no control plane starts on the target meanwhile. */
function move(source: Store, target: Store, now: () => number): Promise<Moved> {
  return source.transaction(from =>
    target.exclusively(async (db, migrate) => {
      await requireIntactAudit(from, 'the embedded database');
      await applyMigrations(db, migrate);
      return db.transaction(to => moveInto(from, to, now));
    }),
  );
}

async function moveInto(from: Database, to: Database, now: () => number): Promise<Moved> {
  // Nobody who runs on it already writes from here on.
  await to.execute(sql`select 1 from counter for update`);
  const tables = await tablesOf(from);
  const used = await usedTables(to, tables);
  if (used.length > 0) {
    throw new ControlPlaneStartError(
      'move_target_used',
      `the target holds a control plane already (${used.slice(0, 3).join(', ')}): name an empty database`,
    );
  }
  const copied = await copyTables(from, to, tables);
  for (const table of tables) {
    if ((await contentOf(from, table)) !== (await contentOf(to, table)))
      throw new ControlPlaneStartError('database_failed', `the table ${table} did not arrive as it was`);
  }
  await requireIntactAudit(to, 'the target');
  const [head] = await to.select().from(counter);
  if (head === undefined) throw new Error('the counter row is missing');
  const journal = new Journal(head);
  const write = new Write(to, new Date(now()), { role: 'system' }, journal);
  write.audit('database.moved', {});
  await journal.flush(to);
  return { tables: copied, revision: head.revision, auditSeq: head.auditSeq + 1 };
}

import { join } from 'node:path';
import { and, eq, isNull, sql } from 'drizzle-orm';
import { type ChainedRow, chainedRowSchema, verifyAuditChain } from '../audit/verify-chain.ts';
import { ControlPlaneStartError } from '../problems/start-error.ts';
import { changeKey, findKey } from '../registry/records.ts';
import { lockDataDir } from '../store/data-dir-lock.ts';
import type { Store } from '../store/database.ts';
import { openEmbedded } from '../store/embedded.ts';
import { applyMigrations } from '../store/migrate.ts';
import { accessTokens, changes, counter, pipecdKeys, pipeds, projects, signingKeys } from '../store/schema.ts';
import { openServed } from '../store/served.ts';
import { Journal, Write } from '../store/write.ts';
import { requireIntactAudit } from './audit-rows.ts';

export interface RestoreOptions {
  /** Where the restored database is, if it is the embedded one. */
  readonly dataDir: string;
  /** Where it is otherwise. */
  readonly databaseUrl?: string | undefined;
  /**
   * Rows of an export of the audit that is younger than the backup: what they take away from somebody is taken away
   * again. Without them, keys that were revoked since the backup are good again.
   */
  readonly auditRows?: AsyncIterable<unknown> | undefined;
  /** Clock, in milliseconds. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

export interface SettledRestore {
  /** Beyond all that followers can have seen, so that each of them starts over. */
  readonly revision: number;
  /** The last row of the audit that was in the backup. */
  readonly restoredTo: number;
  /** What the export says was taken away since the backup, and is now taken away again. */
  readonly takenAway: readonly Pick<ChainedRow, 'seq' | 'action' | 'target'>[];
  /** What came into being since the backup, and is gone: keys and pipeds to enroll or register anew. */
  readonly lost: readonly Pick<ChainedRow, 'seq' | 'action' | 'target'>[];
}

/** No control plane makes so many revisions between a backup and its restore. */
const REVISION_GAP = 1_000_000_000;

const TAKES_AWAY = new Set([
  'key.revoked',
  'key.retired',
  'piped.disabled',
  'project.disabled',
  'access_token.revoked',
  'pipecd_keys.forgotten',
  'signing_key.withdrawn',
]);
const MAKES = /^(project\.created|piped\.registered|key\.(generated|uploaded|enrolled|renewed)|access_token\.created)$/;

/**
 * To be done after a backup was restored, and before a control plane starts on it. Moves the revision beyond all that
 * followers have seen, so that each gets `reset` and believes nothing of before, and applies what a younger export of
 * the audit says was revoked, disabled or forgotten since. Nothing is ever given back: what was enabled since stays
 * disabled.
 *
 * @throws ControlPlaneStartError those of a start, and `audit_broken` also where the export is not of this database
 */
export async function settleRestore(options: RestoreOptions): Promise<SettledRestore> {
  const { dataDir, databaseUrl, auditRows, now = Date.now } = options;
  if (databaseUrl !== undefined) return settle(await openServed(databaseUrl, 2), auditRows, now);
  const lock = await lockDataDir(dataDir);
  try {
    return await settle(await openEmbedded(join(dataDir, 'db')), auditRows, now);
  } finally {
    await lock.release();
  }
}

async function settle(
  store: Store,
  auditRows: RestoreOptions['auditRows'],
  now: () => number,
): Promise<SettledRestore> {
  try {
    await store.exclusively(applyMigrations);
    const restored = await requireIntactAudit(store.db, 'the restored database');
    const since = auditRows === undefined ? [] : await rowsSince(auditRows, restored);
    return await store.transaction(async tx => {
      const [head] = await tx.select().from(counter).for('update');
      if (head?.auditSeq !== restored.seq) {
        const message = 'a control plane writes to the restored database already: stop it, and do this first';
        throw new ControlPlaneStartError('database_failed', message);
      }
      const revision = head.revision + REVISION_GAP;
      await tx.delete(changes);
      const journal = new Journal({ ...head, revision });
      const write = new Write(tx, new Date(now()), { role: 'system' }, journal);
      write.audit('database.restored', {});
      const takenAway: SettledRestore['takenAway'][number][] = [];
      for (const row of since)
        if (TAKES_AWAY.has(row.action) && (await takeAway(write, row))) takenAway.push(told(row));
      await journal.flush(tx);
      const lost = since.filter(({ action }) => MAKES.test(action)).map(told);
      return { revision, restoredTo: restored.seq, takenAway, lost };
    });
  } finally {
    await store.close();
  }
}

/** The rows of an export that are younger than the backup, if it is of the same history. */
async function rowsSince(
  auditRows: AsyncIterable<unknown>,
  restored: { seq: number; hash: string },
): Promise<ChainedRow[]> {
  const since: ChainedRow[] = [];
  async function* watched() {
    for await (const row of auditRows) {
      const parsed = chainedRowSchema.safeParse(row);
      if (parsed.success && parsed.data.seq > restored.seq) since.push(parsed.data);
      yield row;
    }
  }
  const verdict = await verifyAuditChain(watched(), [restored]);
  if (verdict.intact) return since;
  throw new ControlPlaneStartError(
    'audit_broken',
    `the export is not of the restored database, or was touched (row ${verdict.seq}: ${verdict.fault.replaceAll('_', ' ')}): take another one`,
  );
}

async function takeAway(write: Write, { action, target }: ChainedRow): Promise<boolean> {
  const { project = '', piped = '', kid = '', tokenId = '' } = target;
  switch (action) {
    case 'key.revoked':
    case 'key.retired': {
      const found = await findKey(write.tx, kid);
      if (found === undefined || found.key.status === 'revoked') return false;
      await changeKey(write, found, { status: action === 'key.revoked' ? 'revoked' : 'retired' }, action);
      return true;
    }
    case 'piped.disabled': {
      const isActive = and(eq(pipeds.project, project), eq(pipeds.piped, piped), eq(pipeds.status, 'active'));
      if ((await write.tx.select().from(pipeds).where(isActive)).length === 0) return false;
      const revision = write.change(() => ({ kind: 'piped', project, piped, pipedStatus: 'disabled' }));
      await write.tx.update(pipeds).set({ status: 'disabled', revision }).where(isActive);
      break;
    }
    case 'project.disabled': {
      const isActive = and(eq(projects.project, project), eq(projects.status, 'active'));
      if ((await write.tx.select().from(projects).where(isActive)).length === 0) return false;
      const revision = write.change(() => ({ kind: 'project', project, projectStatus: 'disabled' }));
      await write.tx.update(projects).set({ status: 'disabled', revision }).where(isActive);
      break;
    }
    case 'access_token.revoked': {
      const isGood = and(sql`${accessTokens.id} = ${tokenId}`, isNull(accessTokens.revokedAt));
      const gone = await write.tx.update(accessTokens).set({ revokedAt: write.at }).where(isGood).returning();
      if (gone.length === 0) return false;
      break;
    }
    case 'pipecd_keys.forgotten': {
      const isOf = and(eq(pipecdKeys.project, project), eq(pipecdKeys.piped, piped));
      if ((await write.tx.delete(pipecdKeys).where(isOf).returning()).length === 0) return false;
      break;
    }
    default: {
      if ((await write.tx.delete(signingKeys).where(eq(signingKeys.kid, kid)).returning()).length === 0) return false;
    }
  }
  write.audit(action as Parameters<Write['audit']>[0], target);
  return true;
}

function told({ seq, action, target }: ChainedRow) {
  return { seq, action, target };
}

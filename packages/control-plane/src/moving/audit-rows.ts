import { asc, gt } from 'drizzle-orm';
import { verifyAuditChain } from '../audit/verify-chain.ts';
import { ControlPlaneStartError } from '../problems/start-error.ts';
import { auditRowOf } from '../registry/audit.ts';
import type { Database } from '../store/database.ts';
import { audit, counter } from '../store/schema.ts';

const PAGE_ROWS = 1000;

/** All audit rows of a database, as they are sent. */
export async function* auditRowsOf(db: Database): AsyncGenerator<ReturnType<typeof auditRowOf>, void> {
  for (let after = 0; ; ) {
    const rows = await db.select().from(audit).where(gt(audit.seq, after)).orderBy(asc(audit.seq)).limit(PAGE_ROWS);
    for (const row of rows) yield auditRowOf(row);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return;
    after = last.seq;
  }
}

/**
 * Checks the chain of a database's audit rows against its own counter.
 *
 * @throws ControlPlaneStartError `audit_broken`
 */
export async function requireIntactAudit(db: Database, where: string): Promise<{ seq: number; hash: string }> {
  const [head] = await db.select({ seq: counter.auditSeq, hash: counter.auditHash }).from(counter);
  if (head === undefined) throw new ControlPlaneStartError('audit_broken', `the counter of ${where} is missing`);
  const verdict = await verifyAuditChain(auditRowsOf(db), head.seq === 0 ? [] : [head]);
  if (verdict.intact && verdict.head.seq === head.seq) return head;
  const row = verdict.intact ? head.seq + 1 : verdict.seq;
  const how = verdict.intact ? 'not counted' : verdict.fault.replaceAll('_', ' ');
  throw new ControlPlaneStartError(
    'audit_broken',
    `the audit of ${where} does not verify (row ${row}: ${how}): find out who touched it, or take an older backup`,
  );
}

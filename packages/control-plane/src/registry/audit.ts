import { asc, gt } from 'drizzle-orm';
import { audit } from '../store/schema.ts';
import type { AuditRow } from '../wire/audit.ts';
import { type Registry, toSeconds } from './registry.ts';

/** Audit rows in the order of the writes, from the one behind `after` on. */
export async function listAudit(
  { store }: Registry,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<{ items: AuditRow[]; next?: number }> {
  const rows = await store.db
    .select()
    .from(audit)
    .where(gt(audit.seq, after))
    .orderBy(asc(audit.seq))
    .limit(limit + 1);
  const items = rows.slice(0, limit).map(({ seq, at, role, tokenId, peerAddress, action, target, revision }) => ({
    seq,
    at: toSeconds(at),
    actor: { role, ...(tokenId !== null && { tokenId }), ...(peerAddress !== null && { peerAddress }) },
    action,
    target,
    revision,
  }));
  const last = items.at(-1);
  return rows.length > limit && last ? { items, next: last.seq } : { items };
}

import { get } from '../api/call.ts';
import type { AuditRow, Page } from '../api/types.ts';

export interface Verdict {
  readonly rows: number;
  /** The first row that is missing, or was not written like this. */
  readonly brokenAt?: number;
}

/** The chain is checked from its first row on, by the encoding that the control plane's row-hash.ts describes. */
export async function verifyChain(): Promise<Verdict> {
  const head = await get<{ seq: number; hash: string }>('/v1/audit/head');
  let [hash, seq] = ['0'.repeat(64), 0];
  let after: string | undefined;
  do {
    const page: Page<AuditRow> = await get('/v1/audit', { after });
    for (const row of page.items) {
      if (row.seq !== seq + 1 || row.hash !== (await hashOf(hash, row))) return { rows: seq, brokenAt: seq + 1 };
      if (row.seq === head.seq && row.hash !== head.hash) return { rows: seq, brokenAt: row.seq };
      [hash, seq] = [row.hash, row.seq];
    }
    after = page.next;
  } while (after !== undefined);
  return seq < head.seq ? { rows: seq, brokenAt: seq + 1 } : { rows: seq };
}

const encoder = new TextEncoder();

async function hashOf(before: string, { seq, atMs, actor, action, target, revision }: AuditRow): Promise<string> {
  const targets = Object.entries(target).sort(([a], [b]) => (a < b ? -1 : 1));
  const { person } = actor;
  const fields = [
    person === undefined ? 'spanpass-audit-1' : 'spanpass-audit-2',
    before,
    String(seq),
    String(atMs),
    actor.role,
    actor.tokenId,
    ...(person === undefined ? [] : [person.issuer, person.subject, person.email]),
    actor.peerAddress,
    action,
    String(revision),
    ...targets.flat(),
  ];
  const text = fields.map(field => (field === undefined ? '-,' : `${encoder.encode(field).length}:${field},`)).join('');
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text)));
  return [...digest].map(byte => byte.toString(16).padStart(2, '0')).join('');
}

import { sql } from 'drizzle-orm';
import { auditRowHash } from '../audit/row-hash.ts';
import type { AuditAction, AuditRow } from '../wire/audit.ts';
import type { Change, ChangeBody } from '../wire/changes.ts';
import { CHANNEL } from './change-listener.ts';
import type { Database, Store } from './database.ts';
import { audit, changes, counter } from './schema.ts';

/** Who writes, and from where. */
export interface Actor {
  readonly role: AuditRow['actor']['role'];
  /** The id of the token that he showed, never the token. */
  readonly tokenId?: string | undefined;
  readonly peerAddress?: string | undefined;
}

/** A write under way. Nobody else's write, on any replica, comes between its first statement and its commit. */
export class Write {
  readonly tx: Database;
  readonly at: Date;
  readonly #actor: Actor;
  readonly #changes: Change[] = [];
  readonly #audit: (typeof audit.$inferInsert)[] = [];
  #revision: number;
  #auditSeq: number;
  #auditHash: string;

  constructor(tx: Database, at: Date, actor: Actor, head: { revision: number; auditSeq: number; auditHash: string }) {
    this.tx = tx;
    this.at = at;
    this.#actor = actor;
    this.#revision = head.revision;
    this.#auditSeq = head.auditSeq;
    this.#auditHash = head.auditHash;
  }

  /** Notes one change for followers: its revision is handed to `bodyOf`, and returned. */
  change(bodyOf: (revision: number) => ChangeBody): number {
    const revision = ++this.#revision;
    this.#changes.push({ revision, at: this.at, body: bodyOf(revision) });
    return revision;
  }

  /** Notes what was done. Call it after `change`, whose revision it takes. */
  audit(action: AuditAction, target: AuditRow['target']): void {
    const { role, tokenId, peerAddress } = this.#actor;
    const [seq, revision, at] = [++this.#auditSeq, this.#revision, this.at];
    const content = { seq, atMs: at.getTime(), actor: this.#actor, action, target, revision };
    this.#auditHash = auditRowHash(this.#auditHash, content);
    this.#audit.push({ seq, at, role, tokenId, peerAddress, action, target, revision, hash: this.#auditHash });
  }

  /** Nothing noted, nothing written: a call that changes nothing makes no revision. */
  async flush(): Promise<boolean> {
    if (this.#audit.length === 0) return false;
    const { tx } = this;
    const audited = tx.$with('audited').as(tx.insert(audit).values(this.#audit).returning({ seq: audit.seq }));
    const changed =
      this.#changes.length === 0
        ? []
        : [tx.$with('changed').as(tx.insert(changes).values(this.#changes).returning({ revision: changes.revision }))];
    // All in one statement, since all other writes wait for this one. Replicas hear of it when it is committed.
    await tx
      .with(audited, ...changed)
      .update(counter)
      .set({ revision: this.#revision, auditSeq: this.#auditSeq, auditHash: this.#auditHash })
      .returning({ notified: sql`pg_notify(${CHANNEL}, '')` });
    return true;
  }
}

/**
 * Runs one write: a transaction that holds the lock on the counter row from its first statement on, and commits what
 * `work` changed together with its audit rows and its change-feed rows, or nothing of all that.
 */
export async function write<T>(
  store: Store,
  actor: Actor,
  now: () => number,
  work: (write: Write) => Promise<T>,
): Promise<{ result: T; written: boolean }> {
  return store.transaction(async tx => {
    const [head] = await tx
      .select({ revision: counter.revision, auditSeq: counter.auditSeq, auditHash: counter.auditHash })
      .from(counter)
      .where(sql`${counter.id} = 1`)
      .for('update');
    if (head === undefined) throw new Error('the counter row is missing');
    const current = new Write(tx, new Date(now()), actor, head);
    const result = await work(current);
    return { result, written: await current.flush() };
  });
}

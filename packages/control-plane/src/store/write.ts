import { sql } from 'drizzle-orm';
import { auditRowHash } from '../audit/row-hash.ts';
import type { Person } from '../sign-in/person.ts';
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
  /** Whom the identity provider signed in, instead of a token. */
  readonly person?: Person | undefined;
  readonly peerAddress?: string | undefined;
}

/** Where the counter row stands. */
export interface Head {
  readonly revision: number;
  readonly auditSeq: number;
  readonly auditHash: string;
}

/** What a transaction adds to the change feed and to the audit, in the order of its writes. */
export class Journal {
  readonly #changes: Change[] = [];
  readonly #audit: (typeof audit.$inferInsert)[] = [];
  #head: Head;

  constructor(head: Head) {
    this.#head = head;
  }

  /** Of the last change, whoever made it. */
  get revision(): number {
    return this.#head.revision;
  }

  get length(): number {
    return this.#changes.length + this.#audit.length;
  }

  change(at: Date, bodyOf: (revision: number) => ChangeBody): number {
    const revision = this.#head.revision + 1;
    this.#head = { ...this.#head, revision };
    this.#changes.push({ revision, at, body: bodyOf(revision) });
    return revision;
  }

  audit(at: Date, actor: Actor, action: AuditAction, target: AuditRow['target'], revision: number): void {
    const seq = this.#head.auditSeq + 1;
    const hash = auditRowHash(this.#head.auditHash, { seq, atMs: at.getTime(), actor, action, target, revision });
    this.#head = { ...this.#head, auditSeq: seq, auditHash: hash };
    const { role, tokenId, person, peerAddress } = actor;
    this.#audit.push({ seq, at, role, tokenId, person, peerAddress, action, target, revision, hash });
  }

  /** Nothing noted, nothing written: a call that changes nothing makes no revision. */
  async flush(tx: Database): Promise<boolean> {
    if (this.#audit.length === 0) return false;
    const audited = tx.$with('audited').as(tx.insert(audit).values(this.#audit).returning({ seq: audit.seq }));
    const changed =
      this.#changes.length === 0
        ? []
        : [tx.$with('changed').as(tx.insert(changes).values(this.#changes).returning({ revision: changes.revision }))];
    // All in one statement, since all other writes wait for this one. Replicas hear of it when it is committed.
    await tx
      .with(audited, ...changed)
      .update(counter)
      .set(this.#head)
      .returning({ notified: sql`pg_notify(${CHANNEL}, '')` });
    return true;
  }
}

/** A write under way. Nobody else's write, on any replica, comes between its first statement and its last. */
export class Write {
  readonly tx: Database;
  readonly at: Date;
  readonly #actor: Actor;
  readonly #journal: Journal;

  constructor(tx: Database, at: Date, actor: Actor, journal: Journal) {
    this.tx = tx;
    this.at = at;
    this.#actor = actor;
    this.#journal = journal;
  }

  /** Notes one change for followers: its revision is handed to `bodyOf`, and returned. */
  change(bodyOf: (revision: number) => ChangeBody): number {
    return this.#journal.change(this.at, bodyOf);
  }

  /** Notes what was done. Call it after `change`, whose revision it takes. */
  audit(action: AuditAction, target: AuditRow['target']): void {
    this.#journal.audit(this.at, this.#actor, action, target, this.#journal.revision);
  }
}

/** Takes the lock that all writes hold until they are committed. */
export async function lockHead(tx: Database): Promise<Head> {
  const [head] = await tx
    .select({ revision: counter.revision, auditSeq: counter.auditSeq, auditHash: counter.auditHash })
    .from(counter)
    .where(sql`${counter.id} = 1`)
    .for('update');
  if (head === undefined) throw new Error('the counter row is missing');
  return head;
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
    const journal = new Journal(await lockHead(tx));
    const result = await work(new Write(tx, new Date(now()), actor, journal));
    return { result, written: await journal.flush(tx) };
  });
}

import { createHash } from 'node:crypto';
import type { Person } from '../sign-in/person.ts';
import type { AuditRow } from '../wire/audit.ts';

/** What the first row follows. */
export const GENESIS_HASH = '0'.repeat(64);

const ENCODING = 'spanpass-audit-1';
/** Of rows that name a person. */
const ENCODING_WITH_PERSON = 'spanpass-audit-2';

/** Everything of a row but the hash: what the hash is over. */
export interface AuditContent {
  readonly seq: number;
  readonly atMs: number;
  readonly actor: {
    readonly role: string;
    readonly tokenId?: string | undefined;
    readonly person?: Person | undefined;
    readonly peerAddress?: string | undefined;
  };
  readonly action: string;
  readonly target: Readonly<Record<string, string | undefined>>;
  readonly revision: AuditRow['revision'];
}

/**
 * The hash of an audit row, in hex: SHA-256 over the hash before it and every field of the row.
 *
 * Fields are encoded one after the other as `<length in bytes>:<UTF-8>,`, and one that is absent as `-,`, so that no two
 * rows have one encoding: the name of the encoding, the hash before, `seq`, `atMs`, role, token id, peer address, action,
 * revision, and then the target's names and values, by name. The migration that chained older rows has the same in SQL.
 * A row that names a person has an encoding of another name, with his issuer, subject and e-mail address behind the token
 * id: what names nobody is hashed as it always was.
 *
 * @param before the hash of the row before, or `GENESIS_HASH`
 */
export function auditRowHash(before: string, { seq, atMs, actor, action, target, revision }: AuditContent): string {
  const targets = Object.entries(target)
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const { person } = actor;
  const fields = [
    person === undefined ? ENCODING : ENCODING_WITH_PERSON,
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
  const hash = createHash('sha256');
  for (const field of fields) hash.update(field === undefined ? '-,' : `${Buffer.byteLength(field)}:${field},`);
  return hash.digest('hex');
}

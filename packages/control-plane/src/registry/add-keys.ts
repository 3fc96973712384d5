import { type Algorithm, CLOCK_SKEW_SECONDS, type KeyRecord, type PublicJwk } from '@spanpass/credential';
import { eq, sql } from 'drizzle-orm';
import { Refusal } from '../problems/refusal.ts';
import type { Database } from '../store/database.ts';
import { keys, pipeds, projects } from '../store/schema.ts';
import type { Write } from '../store/write.ts';
import type { Sharer } from '../store/writer.ts';
import type { AuditAction } from '../wire/audit.ts';
import { type PipedId, pipedUnknown } from './pipeds.ts';
import { type KeyRow, type PipedRow, type ProjectRow, recordOf } from './records.ts';
import { toSeconds } from './registry.ts';

/** Rotation needs the old key and the new one, and nothing needs a third. */
const MAX_ACTIVE_KEYS = 2;

export interface NewKey {
  readonly kid: string;
  readonly alg: Algorithm;
  readonly publicJwk: PublicJwk;
}

/** A key that is to be added to a piped. */
export interface Addition {
  readonly id: PipedId;
  readonly key: NewKey;
  readonly lifeSeconds: number;
  readonly action: AuditAction;
}

interface Owner {
  readonly piped: PipedRow;
  readonly project: ProjectRow;
  /** How many active keys it has. */
  active: number;
}

/**
 * Adds a key to a piped, as part of a write.
 *
 * @throws Refusal `piped_unknown`, `kid_exists`, `too_many_keys`
 */
export async function addKey(write: Write, addition: Addition): Promise<KeyRecord> {
  const [record] = await addKeys(write.tx, [{ write, input: addition }]);
  if (record === undefined || record instanceof Refusal) throw record;
  return record;
}

/**
 * Adds keys to pipeds, each as a write of its own, one after the other: with two statements, however many there are,
 * since all other writes wait for these. One that is refused as by `addKey` changes nothing.
 */
export async function addKeys(
  tx: Database,
  sharers: readonly Sharer<Addition>[],
): Promise<readonly (KeyRecord | Refusal)[]> {
  const { owners, kids } = await findAll(tx, sharers);
  const rows: KeyRow[] = [];
  const add = ({ write, input: { id, key, lifeSeconds, action } }: Sharer<Addition>): KeyRecord | Refusal => {
    const owner = owners.get(nameOf(id));
    if (owner === undefined) return pipedUnknown(id);
    if (kids.has(key.kid)) return new Refusal('kid_exists', 'this key is registered already: make a new one');
    if (owner.active >= MAX_ACTIVE_KEYS) {
      const detail = `the piped ${id.piped} has two active keys already: revoke one of them first`;
      return new Refusal('too_many_keys', detail);
    }
    const createdAt = toSeconds(write.at);
    const row = (revision: number): KeyRow => ({
      kid: key.kid,
      project: id.project,
      piped: id.piped,
      alg: key.alg,
      publicJwk: key.publicJwk,
      status: 'active',
      // An auth server whose clock is behind must not refuse a key that was made a moment ago.
      notBefore: Math.max(0, createdAt - CLOCK_SKEW_SECONDS),
      notAfter: createdAt + lifeSeconds,
      supersededBy: null,
      overlapEndsAt: null,
      createdAt: write.at,
      revision,
    });
    const { piped, project } = owner;
    const revision = write.change(next => ({ kind: 'key', record: recordOf(row(next), piped, project) }));
    write.audit(action, { project: id.project, piped: id.piped, kid: key.kid });
    rows.push(row(revision));
    owner.active++;
    kids.add(key.kid);
    return recordOf(row(revision), piped, project);
  };
  const records = sharers.map(add);
  if (rows.length > 0) await tx.insert(keys).values(rows);
  return records;
}

/** Whom the keys are for, and which of these keys are there already. */
async function findAll(
  tx: Database,
  sharers: readonly Sharer<Addition>[],
): Promise<{ readonly owners: ReadonlyMap<string, Owner>; readonly kids: Set<string> }> {
  const nowSeconds = toSeconds(Math.min(...sharers.map(({ write }) => write.at.getTime())));
  const ids = sharers.map(({ input }) => input.id);
  const texts = (values: readonly string[]) => sql`${sql.param(values)}::text[]`;
  const wanted = sql`(select * from unnest(${texts(ids.map(id => id.project))}, ${texts(ids.map(id => id.piped))}))`;
  const rows = await tx
    .select({
      piped: pipeds,
      project: projects,
      active: sql<number>`(select count(*)::int from ${keys} where ${keys.project} = ${pipeds.project}
        and ${keys.piped} = ${pipeds.piped} and ${keys.status} = 'active' and ${keys.notAfter} > ${nowSeconds})`,
      known: sql<readonly string[]>`array(select ${keys.kid} from ${keys}
        where ${keys.kid} = any(${texts(sharers.map(({ input }) => input.key.kid))}))`,
    })
    .from(pipeds)
    .innerJoin(projects, eq(projects.project, pipeds.project))
    .where(sql`(${pipeds.project}, ${pipeds.piped}) in ${wanted}`);
  const owners = rows.map(({ piped, project, active }) => [nameOf(piped), { piped, project, active }] as const);
  return { owners: new Map(owners), kids: new Set(rows[0]?.known) };
}

/** Neither of the two has a slash. */
function nameOf({ project, piped }: PipedId): string {
  return `${project}/${piped}`;
}

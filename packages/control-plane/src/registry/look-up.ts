import type { KeyRecord, Signal } from '@spanpass/credential';
import { and, eq, sql } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { counter, keys, pipeds, projects } from '../store/schema.ts';
import { Gathered } from './gathered.ts';

/** The record of a key, if there is one, and the revision, as of one and the same moment. */
export interface LookedUp {
  readonly revision: number;
  readonly record: KeyRecord | undefined;
}

/** Statements that are under way at the same time. What comes meanwhile is gathered for the next. */
const MAX_UNDER_WAY = 3;
const MAX_KIDS = 256;

/**
 * Looks keys up by kid. Auth servers ask for many at the same time, so one statement answers all who ask at the same
 * moment. It is begun after the last of them has asked: nobody is told less than what had been committed by then.
 */
export function keyLookUp(db: Database): (kid: string) => Promise<LookedUp> {
  const read = readRecords(db);
  const gathered = new Gathered<string, LookedUp>({
    maxUnderWay: MAX_UNDER_WAY,
    maxKeys: MAX_KIDS,
    async read(kids) {
      const { revision, records } = await read(kids);
      return kid => ({ revision, record: records.get(kid) });
    },
  });
  return kid => gathered.ask(kid);
}

function readRecords(db: Database) {
  // Prepared once, since it is by far the most frequent statement: neither text nor plan is made anew.
  const statement = db
    .select({
      current: counter.revision,
      kid: keys.kid,
      alg: keys.alg,
      project: keys.project,
      piped: keys.piped,
      publicJwk: keys.publicJwk,
      scopes: pipeds.scopes,
      keyStatus: keys.status,
      pipedStatus: pipeds.status,
      projectStatus: projects.status,
      notBefore: keys.notBefore,
      notAfter: keys.notAfter,
      revision: sql<number>`greatest(${keys.revision}, ${pipeds.revision}, ${projects.revision})`.mapWith(
        keys.revision,
      ),
    })
    .from(counter)
    .leftJoin(keys, sql`${keys.kid} = any(${sql.placeholder('kids')}::text[])`)
    .leftJoin(pipeds, and(eq(pipeds.project, keys.project), eq(pipeds.piped, keys.piped)))
    .leftJoin(projects, eq(projects.project, keys.project))
    .prepare('spanpass_look_up_keys');
  return async (kids: readonly string[]): Promise<{ revision: number; records: ReadonlyMap<string, KeyRecord> }> => {
    const rows = await statement.execute({ kids });
    const [first] = rows;
    if (first === undefined) throw new Error('the counter row is missing');
    const records = new Map<string, KeyRecord>();
    for (const row of rows) {
      const { kid, alg, project, piped, publicJwk, scopes, keyStatus, pipedStatus, projectStatus } = row;
      const { notBefore, notAfter, revision } = row;
      if (kid === null || alg === null || project === null || piped === null || publicJwk === null) continue;
      if (scopes === null || keyStatus === null || pipedStatus === null || projectStatus === null) continue;
      if (notBefore === null || notAfter === null) continue;
      const owner = { v: 1, kid, alg, project, piped, publicJwk, scopes: scopes as Signal[] } as const;
      records.set(kid, { ...owner, keyStatus, pipedStatus, projectStatus, notBefore, notAfter, revision });
    }
    return { revision: first.current, records };
  };
}

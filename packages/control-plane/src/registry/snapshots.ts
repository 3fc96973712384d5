import { encodeKeySnapshot, type KeyRecord, signKeySnapshot } from '@spanpass/credential';
import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { counter, keys, pipeds, projects } from '../store/schema.ts';
import { recordOf } from './records.ts';
import type { Registry } from './registry.ts';
import { signingKeyOf } from './signing-keys.ts';

/** Key records as of one revision, and the signature for exactly these bytes. */
export interface SignedSnapshot {
  readonly revision: number;
  readonly jws: string;
  readonly body: Uint8Array;
}

/** The records of those kids that a key has, as of one and the same moment, signed. */
export async function signedSnapshot(registry: Registry, kids: readonly string[]): Promise<SignedSnapshot> {
  // Before the read, so that nothing in it is older than it says.
  const issuedAtMs = registry.now();
  const { revision, records } = await readRecords(registry, kids);
  const body = encodeKeySnapshot(records);
  const key = await signingKeyOf(registry, 'snapshot');
  return { revision, body, jws: await signKeySnapshot(key, { body, revision, issuedAtMs }) };
}

/** One statement, so one moment. */
async function readRecords(
  { store }: Registry,
  kids: readonly string[],
): Promise<{ revision: number; records: KeyRecord[] }> {
  // As one value: a statement can have only so many.
  const wanted = sql`${keys.kid} in (select jsonb_array_elements_text(${JSON.stringify(kids)}::jsonb))`;
  const rows = await store.db
    .select({
      revision: counter.revision,
      key: getTableColumns(keys),
      piped: getTableColumns(pipeds),
      project: getTableColumns(projects),
    })
    .from(counter)
    .leftJoin(keys, wanted)
    .leftJoin(pipeds, and(eq(pipeds.project, keys.project), eq(pipeds.piped, keys.piped)))
    .leftJoin(projects, eq(projects.project, keys.project));
  const revision = rows[0]?.revision;
  if (revision === undefined) throw new Error('the counter row is missing');
  const records = rows.flatMap(({ key, piped, project }) =>
    key && piped && project ? [recordOf(key, piped, project)] : [],
  );
  return { revision, records };
}

import { sql } from 'drizzle-orm';
import type { Database } from '../store/database.ts';

const PAGE_ROWS = 1000;

export interface CopiedTable {
  readonly table: string;
  readonly rows: number;
}

/** The tables of a control plane, as the migrations made them. */
export async function tablesOf(db: Database): Promise<string[]> {
  const rows = await rowsOf<{ name: string }>(
    db,
    sql`select table_name as name from information_schema.tables
      where table_schema = 'public' and table_type = 'BASE TABLE' order by 1`,
  );
  return rows.map(({ name }) => name);
}

/** Those of the tables that hold anything; the counter's one row counts once it has counted. */
export async function usedTables(db: Database, tables: readonly string[]): Promise<string[]> {
  const used: string[] = [];
  for (const table of tables) {
    const beyond = table === 'counter' ? sql`where revision > 0 or audit_seq > 0` : sql``;
    const rows = await rowsOf(db, sql`select 1 from ${sql.identifier(table)} ${beyond} limit 1`);
    if (rows.length > 0) used.push(table);
  }
  return used;
}

/**
 * Copies all rows of the tables, as they are, whatever their columns: as text in JSON, so that no driver rounds a number
 * or a time on the way. Both sides must be transactions, of the same schema, and the target's tables hold nothing that
 * is kept.
 */
export async function copyTables(
  source: Database,
  target: Database,
  tables: readonly string[],
): Promise<CopiedTable[]> {
  const references = await rowsOf<{ table: string; name: string }>(
    target,
    sql`select c.relname as table, f.conname as name from pg_constraint f join pg_class c on c.oid = f.conrelid
      where f.contype = 'f' and f.connamespace = 'public'::regnamespace`,
  );
  const alter = async (how: 'deferrable initially deferred' | 'not deferrable') => {
    for (const { table, name } of references) {
      const constraint = sql`alter table ${sql.identifier(table)} alter constraint ${sql.identifier(name)}`;
      await target.execute(sql`${constraint} ${sql.raw(how)}`);
    }
  };
  // So that rows may come in any order.
  await alter('deferrable initially deferred');
  await target.execute(sql`delete from counter`);
  const copied: CopiedTable[] = [];
  for (const table of tables) copied.push({ table, rows: await copyTable(source, target, table) });
  await target.execute(sql`set constraints all immediate`);
  await alter('not deferrable');
  return copied;
}

/** What tells the content of a table: how many rows, and a sum over the digests of all of them. */
export async function contentOf(db: Database, table: string): Promise<string> {
  await db.execute(sql`set local timezone = 'UTC'`);
  const [content] = await rowsOf<{ content: string }>(
    db,
    sql`select count(*) || '/' || coalesce(sum(('x' || left(md5(to_jsonb(t)::text), 15))::bit(60)::bigint), 0) as content
      from ${sql.identifier(table)} t`,
  );
  return String(content?.content);
}

async function copyTable(source: Database, target: Database, table: string): Promise<number> {
  const name = sql.identifier(table);
  await source.execute(sql`declare moving no scroll cursor for select row_to_json(t)::text as row from ${name} t`);
  let count = 0;
  for (;;) {
    const rows = await rowsOf<{ row: string }>(source, sql`fetch ${sql.raw(String(PAGE_ROWS))} from moving`);
    if (rows.length === 0) break;
    const page = `[${rows.map(({ row }) => row).join(',')}]`;
    await target.execute(sql`insert into ${name} select * from json_populate_recordset(null::${name}, ${page}::json)`);
    count += rows.length;
  }
  await source.execute(sql`close moving`);
  return count;
}

async function rowsOf<T>(db: Database, query: ReturnType<typeof sql>): Promise<T[]> {
  return ((await db.execute(query)) as { rows: T[] }).rows;
}

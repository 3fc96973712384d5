import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../store/database.ts';
import { applyMigrations } from '../store/migrate.ts';
import { DATABASES, openStore, type TestDatabase } from '../testing/databases.test.support.ts';
import { listPipeds, type PipedFilter, type PipedKey } from './list-pipeds.ts';

const PIPEDS = 45_000;

describe.each(DATABASES)('a list of many pipeds on $name', kind => {
  let database: TestDatabase;
  let store: Store;

  beforeAll(async () => {
    database = await kind.create();
    store = await openStore(database);
    await store.exclusively(applyMigrations);
    await store.db.execute(sql`insert into projects values ('shop', 'active', now(), 1), ('zoo', 'active', now(), 1)`);
    await store.db.execute(sql`
      insert into pipeds (project, piped, status, scopes, created_at, revision)
      select case when n < 100 then 'zoo' else 'shop' end, 'p' || lpad(n::text, 5, '0'),
        case when n in (7, 40000) then 'disabled' else 'active' end, '{traces}', now(), 1
      from generate_series(0, ${PIPEDS - 1}::int) as n`);
    await store.db.execute(sql`analyze`);
  });
  afterAll(async () => {
    await store.close();
    await database[Symbol.asyncDispose]();
  });

  const page = async (filter: Partial<PipedFilter> & { after?: PipedKey | undefined; limit?: number }) => {
    const listed = await listPipeds({ store, now: Date.now }, { reach: 'all', limit: 10, ...filter });
    return { ...listed, items: listed.items.map(({ project, piped }) => `${project}/${piped}`) };
  };
  const pages = async (filter: Parameters<typeof page>[0]) => {
    const all: string[][] = [];
    for (let after: PipedKey | undefined; ; ) {
      const { items, next } = await page({ ...filter, after });
      all.push(items);
      if (next === undefined) return all;
      after = next;
    }
  };

  it('looks at a bounded part of it for each page of a search, and goes on from there', async () => {
    expect(await pages({ search: 'P00050' })).toEqual([[], [], ['zoo/p00050']]);
    expect(await pages({ search: 'p00100' })).toEqual([['shop/p00100'], [], []]);
    expect(await pages({ search: 'nobody' })).toEqual([[], [], []]);
  });

  it('has full pages of a search that finds many, each once', async () => {
    const found = await pages({ search: '77', limit: 100 });
    const names = Array.from({ length: PIPEDS }, (_, n) => `p${String(n).padStart(5, '0')}`);
    const wanted = names.filter(name => name.includes('77'));
    expect(
      found
        .flat()
        .map(name => name.split('/')[1])
        .sort(),
    ).toEqual(wanted);
    expect(found[0]).toHaveLength(100);
  });

  it('is searched within the other filters', async () => {
    expect(await pages({ search: 'p', project: 'zoo', limit: 200 })).toEqual([
      expect.objectContaining({ length: 100 }),
    ]);
    expect(await pages({ search: '4', status: 'disabled' })).toEqual([['shop/p40000']]);
    expect(await pages({ search: 'p000', reach: ['zoo'], limit: 200 })).toEqual([
      expect.objectContaining({ length: 100 }),
    ]);
  });

  it.each([
    ['the state', 'pipeds_disabled', sql`status = 'disabled'`],
    ['the name', 'pipeds_named', sql`piped = 'p00007'`],
  ])('has an index for %s', async (_, index, condition) => {
    const { rows } = (await store.db.execute(
      sql`explain select * from pipeds where ${condition} order by project, piped limit 10`,
    )) as unknown as { rows: Record<string, string>[] };
    expect(JSON.stringify(rows)).toContain(index);
  });
});

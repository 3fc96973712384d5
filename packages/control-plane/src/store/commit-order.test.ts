import { readFile } from 'node:fs/promises';
import { setImmediate as nextTurn, setTimeout } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { readChangesOf } from '../feed/read-changes.ts';
import { DATABASES, openStore, query } from '../testing/databases.test.support.ts';
import { startPlaneOn, type TestPlane } from '../testing/plane.test.support.ts';
import { applyMigrations } from './migrate.ts';
import type { Write } from './write.ts';
import { Writer } from './writer.ts';

const REPLICAS = 4;
const WRITES = 12;
const LANES = 3;

describe.each(DATABASES)('revisions on $name', database => {
  it('are in commit order, whatever the writers do: a follower skips none', { timeout: 60_000 }, async () => {
    await using db = await database.create();
    const { databaseUrl } = db.options;
    const first = await openStore(db);
    await first.exclusively(applyMigrations);
    const stores = [first];
    // The embedded database has one process, and so its writers share one store.
    while (stores.length < REPLICAS) stores.push(databaseUrl === undefined ? first : await openStore(db));

    let writing = true;
    let committed = 0;
    const seen: number[] = [];
    const follower = (async () => {
      const read = readChangesOf(first.db);
      for (let wasWriting = true; wasWriting; ) {
        wasWriting = writing;
        // The embedded database answers without a turn of the event loop, and nobody else would have one.
        await nextTurn();
        const page = await read(seen.at(-1) ?? 0, 1000);
        expect(page.kind).toBe('page');
        if (page.kind === 'page') seen.push(...page.changes.map(({ revision }) => revision));
      }
    })();

    // One at a time on each replica, and some at the same time, which share a transaction.
    const writers = stores.map(store => new Writer(store, Date.now));
    const oneWrite = async (writer: Writer, n: number) => {
      const fails = n % 4 === 3;
      const work = async (current: Write) => {
        const project = crypto.randomUUID();
        for (let changes = 0; changes <= n % 3; changes++) {
          current.change(() => ({ kind: 'project', project, projectStatus: 'active' }));
        }
        current.audit('project.created', { project });
        // Those that began first commit last, unless something keeps them in order.
        if (databaseUrl !== undefined) await current.tx.execute(sql`select pg_sleep(${((n * 7) % 5) / 100})`);
        await setTimeout((n * 13) % 7);
        if (fails) throw new Error('changed its mind');
      };
      await writer.write({ role: 'system' }, work).then(
        () => {
          committed += 1 + (n % 3);
        },
        error => expect(error.message).toBe('changed its mind'),
      );
    };
    await Promise.all(
      writers.map(async (writer, at) => {
        for (let n = 0; n < WRITES; n += LANES)
          await Promise.all(Array.from({ length: LANES }, (_, lane) => oneWrite(writer, n + lane + at)));
      }),
    );
    writing = false;
    await follower;
    expect(seen).toEqual(Array.from({ length: committed }, (_, at) => at + 1));
    for (const store of new Set(stores)) await store.close();
  });
});

describe.each(DATABASES)('the schema on $name', database => {
  it('is brought up to date once, however many replicas start at the same time', { timeout: 60_000 }, async () => {
    await using db = await database.create();
    const { databaseUrl } = db.options;
    const count = databaseUrl === undefined ? 1 : 4;
    const planes: TestPlane[] = await Promise.all(Array.from({ length: count }, () => startPlaneOn(db.options)));
    try {
      const statuses = await Promise.all(planes.map(async plane => (await plane.call('GET', '/v1/tokens')).body.items));
      for (const items of statuses) expect(items).toHaveLength(2);
      if (databaseUrl === undefined) return;
      const journal = JSON.parse(await readFile(new URL('../../drizzle/meta/_journal.json', import.meta.url), 'utf8'));
      const applied = await query(databaseUrl, 'select created_at from drizzle.__drizzle_migrations order by id');
      expect(applied.map(row => Number(row.created_at))).toEqual(
        journal.entries.map(({ when }: { when: number }) => when),
      );
      expect(await query(databaseUrl, 'select count(*)::int as rows from counter')).toEqual([{ rows: 1 }]);
    } finally {
      for (const plane of planes) await plane.plane.close();
    }
  });
});

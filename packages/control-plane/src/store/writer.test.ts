import { asc, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditRowHash } from '../audit/row-hash.ts';
import { Refusal } from '../problems/refusal.ts';
import { auditRowOf } from '../registry/audit.ts';
import { DATABASES, openStore, type TestDatabase } from '../testing/databases.test.support.ts';
import type { Store } from './database.ts';
import { applyMigrations } from './migrate.ts';
import { audit, changes, counter, projects } from './schema.ts';
import type { Write } from './write.ts';
import { type SharedWork, Writer } from './writer.ts';

describe.each(DATABASES)('writes that come at the same time on $name', kind => {
  let database: TestDatabase;
  let store: Store;
  let transactions = 0;
  let counted: Store;

  beforeAll(async () => {
    database = await kind.create();
    store = await openStore(database);
    await store.exclusively(applyMigrations);
    counted = {
      ...store,
      transaction: work => {
        transactions++;
        return store.transaction(work);
      },
    };
  });
  afterAll(async () => {
    await store.close();
    await database[Symbol.asyncDispose]();
  });

  /** Runs them all at once, and tells how each ended, and in how many transactions. */
  const run = async (...works: ((write: Write) => Promise<unknown>)[]) => {
    const writer = new Writer(counted, Date.now);
    transactions = 0;
    const ends = await Promise.allSettled(works.map(work => writer.write({ role: 'system' }, work)));
    return {
      transactions,
      ends: ends.map(end => (end.status === 'fulfilled' ? end.value : (end.reason.code ?? end.reason.message))),
    };
  };
  const adds = (project: string) => async (write: Write) => {
    const revision = write.change(() => ({ kind: 'project', project, projectStatus: 'active' }));
    await write.tx.insert(projects).values({ project, status: 'active', createdAt: write.at, revision });
    write.audit('project.created', { project });
    return revision;
  };
  const names = async () => (await store.db.select().from(projects)).map(({ project }) => project);
  const head = async () => (await store.db.select().from(counter))[0];
  const refused = () => new Refusal('project_exists', 'on purpose');

  it('share a transaction, and have revisions, changes and audit rows of their own', async () => {
    const before = (await head())?.revision ?? Number.NaN;
    const { ends, transactions } = await run(adds('a'), adds('b'), async () => 'nothing to do', adds('c'));
    expect(transactions).toBe(1);
    expect(ends).toEqual([
      { result: before + 1, written: true },
      { result: before + 2, written: true },
      { result: 'nothing to do', written: false },
      { result: before + 3, written: true },
    ]);
    const noted = await store.db.select().from(changes).orderBy(asc(changes.revision));
    expect(noted.map(({ body }) => body)).toEqual(
      ['a', 'b', 'c'].map(project => ({ kind: 'project', project, projectStatus: 'active' })),
    );
  });

  it('go on without one that was refused before it changed anything', async () => {
    const late = async (write: Write) => {
      await write.tx.select().from(projects);
      throw refused();
    };
    const { ends, transactions } = await run(adds('d'), late, adds('e'));
    expect(transactions).toBe(1);
    expect(ends).toEqual([expect.objectContaining({ written: true }), 'project_exists', expect.anything()]);
    expect(await names()).toEqual(expect.arrayContaining(['d', 'e']));
  });

  describe('that share their statements', () => {
    /** Adds all of them in one go, but those that begin with `no-`. */
    const addAll: SharedWork<string, number> = async (tx, sharers) => {
      rounds.push(sharers.map(({ input }) => input));
      if (sharers.some(({ input }) => input === 'fault')) throw new Error('a fault');
      const rows: (typeof projects.$inferInsert)[] = [];
      const results = sharers.map(({ write, input: project }) => {
        if (project.startsWith('no-')) return refused();
        const revision = write.change(() => ({ kind: 'project', project, projectStatus: 'active' }));
        write.audit('project.created', { project });
        rows.push({ project, status: 'active', createdAt: write.at, revision });
        return revision;
      });
      if (rows.length > 0) await tx.insert(projects).values(rows);
      return results;
    };
    let rounds: (readonly string[])[] = [];
    const share = async (...inputs: string[]) => {
      [rounds, transactions] = [[], 0];
      const writer = new Writer(counted, Date.now);
      const actor = (tokenId: string) => ({ role: 'owner', tokenId }) as const;
      const ends = await Promise.allSettled([
        ...inputs.map(input => writer.share(actor(`of-${input}`), input, addAll)),
        writer.write({ role: 'system' }, adds(`beside-${inputs[0]}`)),
      ]);
      return ends.map(end => (end.status === 'fulfilled' ? end.value.result : (end.reason.code ?? end.reason.message)));
    };

    it('are done in one go, in their order, each for its own caller, and refused one by one', async () => {
      const before = (await head())?.revision ?? Number.NaN;
      expect(await share('s1', 'no-s', 's2')).toEqual([before + 1, 'project_exists', before + 2, before + 3]);
      expect(rounds).toEqual([['s1', 'no-s', 's2']]);
      expect(transactions).toBe(1);
      const rows = (await store.db.select().from(audit).orderBy(asc(audit.seq))).map(auditRowOf).slice(-3);
      expect(rows.map(({ actor }) => actor.tokenId)).toEqual(['of-s1', 'of-s2', undefined]);
    });

    it('are run again by themselves when their work fails', async () => {
      const before = (await head())?.revision ?? Number.NaN;
      expect(await share('t1', 'fault', 't2')).toEqual([before + 1, 'a fault', before + 2, before + 3]);
      expect(rounds).toEqual([['t1', 'fault', 't2'], ['t1'], ['fault'], ['t2']]);
    });
  });

  it.each([
    [
      'was refused when it had changed something',
      'project_exists',
      async (write: Write) => {
        await adds('never')(write);
        throw refused();
      },
    ],
    [
      'was refused when it had changed a row, and noted nothing',
      'project_exists',
      async (write: Write) => {
        await write.tx
          .insert(projects)
          .values({ project: 'never', status: 'active', createdAt: write.at, revision: 0 });
        throw refused();
      },
    ],
    [
      'the database refused',
      expect.stringContaining('Failed query'),
      (write: Write) => write.tx.execute(sql`select 1 / 0`),
    ],
    ['has a fault of its own', 'a fault', () => Promise.reject(new Error('a fault'))],
  ])('are run again by themselves when one of them %s', async (_, end, fails) => {
    const [first, last] = [crypto.randomUUID(), crypto.randomUUID()];
    const { ends, transactions } = await run(adds(first), fails, adds(last));
    expect(transactions).toBe(4);
    expect(ends).toEqual([expect.objectContaining({ written: true }), end, expect.objectContaining({ written: true })]);
    expect(await names()).toEqual(expect.arrayContaining([first, last]));
    expect(await names()).not.toContain('never');
  });

  it('are not run again, and all fail, when nobody knows whether they were committed', async () => {
    const lost: Store = {
      ...store,
      transaction: async work => {
        await store.transaction(work);
        throw Object.assign(new Error('the connection is gone'), { code: 'ECONNRESET' });
      },
    };
    const writer = new Writer(lost, Date.now);
    const [one, two] = [crypto.randomUUID(), crypto.randomUUID()];
    const ends = await Promise.allSettled([one, two].map(name => writer.write({ role: 'system' }, adds(name))));
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect((await names()).filter(name => name === one || name === two)).toHaveLength(2);
  });

  it('leave a chain of audit rows and revisions without a gap', async () => {
    const rows = (await store.db.select().from(audit).orderBy(asc(audit.seq))).map(auditRowOf);
    let hash = '0'.repeat(64);
    for (const { hash: kept, ...row } of rows) {
      hash = auditRowHash(hash, row);
      expect(kept).toBe(hash);
    }
    const revisions = (await store.db.select().from(changes).orderBy(asc(changes.revision))).map(
      ({ revision }) => revision,
    );
    expect(revisions).toEqual(revisions.map((_, at) => at + 1));
    expect(await head()).toMatchObject({ revision: revisions.length, auditSeq: rows.length, auditHash: hash });
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../store/database.ts';
import { applyMigrations } from '../store/migrate.ts';
import { write } from '../store/write.ts';
import { DATABASES, openStore, type TestDatabase } from '../testing/databases.test.support.ts';
import { compactChanges, currentRevision, readChangesOf } from './read-changes.ts';

describe.each(DATABASES)('the table of changes on $name', kind => {
  let database: TestDatabase;
  let store: Store;

  beforeAll(async () => {
    database = await kind.create();
    store = await openStore(database);
    await store.exclusively(applyMigrations);
    for (let n = 0; n < 10; n++) await change();
  });
  afterAll(async () => {
    await store.close();
    await database[Symbol.asyncDispose]();
  });

  const change = (fail = false) =>
    write(store, { role: 'system' }, Date.now, async current => {
      current.change(() => ({ kind: 'project', project: 'shop', projectStatus: 'active' }));
      current.audit('project.enabled', { project: 'shop' });
      if (fail) throw new Error('on purpose');
    });
  const read = async (after: number, limit = 100) => {
    const page = await readChangesOf(store.db)(after, limit);
    return page.kind === 'page' ? page.changes.map(({ revision }) => revision) : page.kind;
  };

  it('is read from a revision on, page by page', async () => {
    expect(await read(7)).toEqual([8, 9, 10]);
    expect(await read(0, 3)).toEqual([1, 2, 3]);
    expect(await read(10)).toEqual([]);
    expect(await read(11)).toBe('lost');
  });

  it('uses up no revision for a write that fails', async () => {
    await expect(change(true)).rejects.toThrow('on purpose');
    expect(await currentRevision(store.db)).toBe(10);
    await change();
    expect(await read(9)).toEqual([10, 11]);
  });

  it('keeps the newest when it is compacted, and says so to whoever needs more', async () => {
    await compactChanges(store.db, 4);
    expect(await read(7)).toEqual([8, 9, 10, 11]);
    expect(await read(6)).toBe('lost');
    expect(await read(0, 1)).toBe('lost');
    expect(await read(11)).toEqual([]);
    expect(await currentRevision(store.db)).toBe(11);
  });
});

import { parseSnapshotKeys, verifyAuditHead } from '@spanpass/credential';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ControlPlaneClient } from '../api-client/index.ts';
import type { Database } from '../store/database.ts';
import { DATABASES, openStore, type TestDatabase } from '../testing/databases.test.support.ts';
import { followChanges, isHeartbeat } from '../testing/event-stream.test.support.ts';
import { ADMIN_TOKEN, AUTH_SERVER_TOKEN, startPlaneOn, type TestPlane } from '../testing/plane.test.support.ts';
import { auditRowHash } from './row-hash.ts';
import { type ChainedRow, type ChainHead, type ChainVerdict, verifyAuditChain } from './verify-chain.ts';

describe.each(DATABASES)('an audit that somebody who may write to $name tampered with', kind => {
  let database: TestDatabase;
  let before: ChainedRow[];
  let head: ChainHead;
  /** A row of an owner, that names a piped. */
  let victim: ChainedRow;

  beforeAll(async () => {
    database = await kind.create();
    await using test = await startPlaneOn(database.options);
    await test.register('shop', 'edge-1');
    const { kid } = await test.generate('shop', 'edge-1');
    await test.register('shop', 'edge-2');
    await test.call('POST', `/v1/keys/${kid}/revoke`);
    await test.call('POST', '/v1/projects/shop/pipeds/edge-2/disable');
    await test.call('POST', '/v1/projects/shop/disable');
    before = (await rowsOf(test)) as ChainedRow[];
    head = await clientOf(test).audit.head();
    victim = before.find(({ action }) => action === 'piped.registered') as ChainedRow;
  });
  afterAll(() => database[Symbol.asyncDispose]());

  const clientOf = (test: TestPlane) => new ControlPlaneClient({ url: test.url, token: ADMIN_TOKEN });
  const rowsOf = async (test: TestPlane) => {
    const rows: unknown[] = [];
    for await (const row of clientOf(test).audit.rows()) rows.push(row);
    return rows;
  };

  /** Does something as the owner of the database does, with the control plane stopped. */
  async function inDatabase<T>(work: (db: Database) => Promise<T>): Promise<T> {
    const store = await openStore(database);
    try {
      return await store.transaction(work);
    } finally {
      await store.close();
    }
  }

  /** What is found when the table was changed, which is then put back as it was. */
  async function found(change: (db: Database) => Promise<unknown>, heads: ChainHead[] = []): Promise<ChainVerdict> {
    await inDatabase(async db => {
      await db.execute(sql`create table audit_before as select * from audit`);
      await db.execute(sql`alter table audit disable trigger user`);
      await change(db);
    });
    try {
      await using test = await startPlaneOn(database.options);
      return await verifyAuditChain(clientOf(test).audit.rows(), heads);
    } finally {
      await inDatabase(async db => {
        await db.execute(sql`delete from audit`);
        await db.execute(sql`insert into audit select * from audit_before`);
        await db.execute(sql`drop table audit_before`);
        await db.execute(sql`alter table audit enable trigger user`);
      });
    }
  }

  it('verifies as long as nobody did', async () => {
    expect(await verifyAuditChain(before, [head])).toMatchObject({ intact: true, rows: before.length });
    expect(before.length).toBeGreaterThan(10);
    expect(head.seq).toBe(before.length);
  });

  it.each([
    ['who', (at: number) => sql`update audit set role = 'system' where seq = ${at}`],
    ['by which token', (at: number) => sql`update audit set token_id = 'another' where seq = ${at}`],
    ['from where', (at: number) => sql`update audit set peer_address = null where seq = ${at}`],
    ['what', (at: number) => sql`update audit set action = 'piped.enabled' where seq = ${at}`],
    [
      'to which piped',
      (at: number) => sql`update audit set target = target || '{"piped": "edge-9"}' where seq = ${at}`,
    ],
    ['when', (at: number) => sql`update audit set at = at - interval '1 millisecond' where seq = ${at}`],
    ['at which revision', (at: number) => sql`update audit set revision = revision + 1 where seq = ${at}`],
    ['the hash', (at: number) => sql`update audit set hash = repeat('a', 64) where seq = ${at}`],
  ])('shows that it was changed: %s', async (_, statement) => {
    expect(await found(db => db.execute(statement(victim.seq)))).toMatchObject({
      intact: false,
      fault: 'changed',
      seq: victim.seq,
    });
  });

  it('shows what no row can hold as it is', async () => {
    const statement = sql`update audit set target = '{"piped": 7}' where seq = ${victim.seq}`;
    expect(await found(db => db.execute(statement))).toMatchObject({ fault: 'malformed', seq: victim.seq });
  });

  it('shows that a row was removed, first, middle or last', async () => {
    expect(await found(db => db.execute(sql`delete from audit where seq = 1`))).toMatchObject({
      fault: 'missing',
      seq: 1,
    });
    expect(await found(db => db.execute(sql`delete from audit where seq = 5`))).toMatchObject({
      fault: 'missing',
      seq: 5,
    });
    const cut = (db: Database) => db.execute(sql`delete from audit where seq > ${head.seq - 2}`);
    expect(await found(cut)).toMatchObject({ intact: true });
    expect(await found(cut, [head])).toMatchObject({ fault: 'cut_off', seq: head.seq - 1 });
  });

  it('shows that rows were reordered', async () => {
    const swap = async (db: Database) => {
      await db.execute(sql`update audit set seq = -5 where seq = 5`);
      await db.execute(sql`update audit set seq = 5 where seq = 6`);
      await db.execute(sql`update audit set seq = 6 where seq = -5`);
    };
    expect(await found(swap)).toMatchObject({ fault: 'changed', seq: 5 });
  });

  it('shows to whoever kept a head that all hashes were computed anew', async () => {
    const forge = async (db: Database) => {
      await db.execute(sql`update audit set role = 'system' where seq = ${victim.seq}`);
      let last = before[victim.seq - 2]?.hash ?? '';
      for (const row of before.slice(victim.seq - 1)) {
        last = auditRowHash(last, row.seq === victim.seq ? { ...row, actor: { ...row.actor, role: 'system' } } : row);
        await db.execute(sql`update audit set hash = ${last} where seq = ${row.seq}`);
      }
    };
    expect(await found(forge)).toMatchObject({ intact: true });
    expect(await found(forge, [head])).toMatchObject({ fault: 'rewritten', seq: head.seq });
  });

  it.each([
    ['changed', sql`update audit set role = 'system' where seq = 1`],
    ['removed', sql`delete from audit where seq = 1`],
    ['emptied', sql`truncate audit`],
  ])('can not be %s by a slip: the database refuses', async (_, statement) => {
    const refused = inDatabase(db => db.execute(statement)).catch(error => `${error.message} ${error.cause?.message}`);
    expect(await refused).toContain('audit rows are added, and never changed or removed');
  });

  it('is told to followers by signed heads, once each, and only when it grew', async () => {
    await using test = await startPlaneOn({
      ...database.options,
      auditHeadEveryMs: 50,
      changeFeed: { pollMs: 50, heartbeatMs: 50 },
    });
    const pinned = await parseSnapshotKeys(await clientOf(test).audit.keys());
    await using follower = await followChanges(test.url, AUTH_SERVER_TOKEN);
    const first = await follower.until(isHeartbeat);
    expect(await verifyAuditHead(first.at(-1)?.data.auditHead, pinned)).toMatchObject(await currentHead(test));
    const silent = await follower.until(isHeartbeat);
    expect(silent.at(-1)?.data).toEqual({ revision: expect.any(Number) });
    await test.call('POST', '/v1/projects/shop/enable');
    const grown = await follower.until(event => isHeartbeat(event) && event.data.auditHead !== undefined);
    const told = await verifyAuditHead(grown.at(-1)?.data.auditHead, pinned);
    expect(told).toMatchObject(await currentHead(test));
    expect(told.seq).toBe(head.seq + 1);
    await test.call('POST', '/v1/projects/shop/disable');
    before = (await rowsOf(test)) as ChainedRow[];
  });

  const currentHead = async (test: TestPlane) => {
    const { seq, hash } = await clientOf(test).audit.head();
    return { seq, hash };
  };

  it('is one chain, whichever of two replicas writes', { timeout: 60_000 }, async () => {
    if (database.options.databaseUrl === undefined) return;
    await using one = await startPlaneOn(database.options);
    await using other = await startPlaneOn(database.options);
    await Promise.all(
      Array.from({ length: 60 }, (_, at) => (at % 2 ? one : other).register(`p-${at % 7}`, `edge-${at}`)),
    );
    const verdict = await verifyAuditChain(clientOf(one).audit.rows(), [await currentHead(other)]);
    expect(verdict).toMatchObject({ intact: true });
    expect(verdict.rows).toBeGreaterThan(before.length + 120);
  });
});

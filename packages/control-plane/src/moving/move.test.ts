import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ControlPlaneClient } from '../api-client/index.ts';
import { verifyAuditChain } from '../audit/verify-chain.ts';
import { EMBEDDED, query, SERVED, type TestDatabase } from '../testing/databases.test.support.ts';
import { followChanges, isHeartbeat } from '../testing/event-stream.test.support.ts';
import { ADMIN_TOKEN, AUTH_SERVER_TOKEN, startPlaneOn, type TestPlane } from '../testing/plane.test.support.ts';
import { enrolled } from '../testing/renewal.test.support.ts';
import { moveDatabase } from './move.ts';

const ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64');

/** Each file with its size and time, but for the lock. */
async function filesIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder, { recursive: true })).filter(name => !name.startsWith('lock.')).sort();
  const stats = await Promise.all(names.map(name => stat(join(folder, name))));
  return names.map((name, at) => `${name} ${stats[at]?.isFile() ? `${stats[at]?.size} ${stats[at]?.mtimeMs}` : ''}`);
}

describe('a move from the embedded database to PostgreSQL', { timeout: 180_000 }, () => {
  const open: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
  });

  async function databases(): Promise<{ from: TestDatabase; to: TestDatabase & { url: string } }> {
    const from = await EMBEDDED.create();
    const to = await (SERVED ?? EMBEDDED).create();
    open.push(from, to);
    return { from, to: Object.assign(to, { url: to.options.databaseUrl ?? '' }) };
  }

  async function fill(test: TestPlane) {
    const holder = await enrolled(test, 'edge-1');
    await test.register('bank', 'edge');
    const { kid } = await test.generate('bank', 'edge');
    await test.call('POST', `/v1/keys/${kid}/revoke`);
    const pipeds = [{ project: 'shop', piped: 'old-1', disabled: true, hashes: [`$2a$10$${'a'.repeat(53)}`] }];
    await test.call('POST', '/v1/pipecd/imports', { body: { pipeds } });
    return { live: holder.pair.kid, revoked: kid };
  }

  it('brings everything, row by row, and the audit verifies on both sides', async () => {
    const { from, to } = await databases();
    const options = { encryptionKey: ENCRYPTION_KEY };
    const first = await startPlaneOn({ ...from.options, ...options });
    const { live, revoked } = await fill(first);
    const lists = async (test: TestPlane) =>
      Promise.all(
        ['/v1/pipeds', '/v1/projects', '/v1/snapshot-key', '/v1/audit-key'].map(path => test.call('GET', path)),
      );
    const before = (await lists(first)).map(({ body }) => body);
    const revision = await first.revision();
    const head = (await first.call('GET', '/v1/audit/head')).body;
    await first.plane.close();
    const files = await filesIn(from.options.dataDir);

    const moved = await moveDatabase({ dataDir: from.options.dataDir, databaseUrl: to.url });
    expect(moved).toMatchObject({ revision, auditSeq: head.seq + 1 });
    expect(Object.fromEntries(moved.tables.map(({ table, rows }) => [table, rows]))).toMatchObject({
      ...{ projects: 2, pipeds: 3, keys: 2, pipecd_keys: 1, audit: head.seq, changes: revision, counter: 1 },
    });
    expect(await filesIn(from.options.dataDir)).toEqual(files);

    await using second = await startPlaneOn({ ...from.options, ...options, databaseUrl: to.url });
    expect((await lists(second)).map(({ body }) => body)).toEqual(before);
    expect((await second.call('GET', `/v1/keys/${live}`)).body).toMatchObject({ keyStatus: 'active' });
    expect((await second.call('GET', `/v1/keys/${revoked}`)).body).toMatchObject({ keyStatus: 'revoked' });
    const { audit } = new ControlPlaneClient({ url: second.url, token: ADMIN_TOKEN });
    expect(await verifyAuditChain(audit.rows(), [head])).toMatchObject({ intact: true });
    // Followers go on where they were.
    await using follower = await followChanges(second.url, AUTH_SERVER_TOKEN, { since: revision - 1 });
    const seen = await follower.until(isHeartbeat);
    expect(seen.map(({ event }) => event)).toEqual(['change', 'heartbeat']);
    // Its references hold as before.
    const [broken] = await query(to.url, `select count(*) as n from pg_constraint where condeferrable`);
    expect(broken?.n).toBe('0');
    expect((await second.register('shop', 'edge-9')).piped).toBe('edge-9');
  });

  it('is refused for a target that is in use, which stays as it is', async () => {
    const { from, to } = await databases();
    await (await startPlaneOn(from.options)).plane.close();
    const other = await startPlaneOn({ ...to.options, encryptionKey: ENCRYPTION_KEY });
    await other.register('theirs', 'edge-1');
    const revision = await other.revision();
    await expect(moveDatabase({ dataDir: from.options.dataDir, databaseUrl: to.url })).rejects.toMatchObject({
      code: 'move_target_used',
    });
    expect(await other.revision()).toBe(revision);
    await other.plane.close();
    await expect(moveDatabase({ dataDir: from.options.dataDir, databaseUrl: to.url })).rejects.toMatchObject({
      code: 'move_target_used',
    });
  });

  it('leaves nothing behind when it fails in the middle, and can be tried again', async () => {
    const { from, to } = await databases();
    await (await startPlaneOn(from.options)).plane.close();
    await moveDatabase({ dataDir: from.options.dataDir, databaseUrl: to.url });
    // As if nothing but the schema had come, with something in the way of a later table.
    await query(
      to.url,
      `do $$ declare t text; begin for t in select table_name from information_schema.tables where table_schema = 'public' loop
        execute 'alter table ' || t || ' disable trigger user'; execute 'truncate ' || t || ' cascade';
        execute 'alter table ' || t || ' enable trigger user'; end loop; end $$;
      insert into counter (id, revision, audit_seq) values (1, 0, 0);
      alter table signing_keys add constraint in_the_way check (kid = '')`,
    );
    await expect(moveDatabase({ dataDir: from.options.dataDir, databaseUrl: to.url })).rejects.toMatchObject({
      code: 'database_failed',
    });
    expect(await query(to.url, 'select count(*) as n from audit')).toEqual([{ n: '0' }]);
    await query(to.url, 'alter table signing_keys drop constraint in_the_way');
    expect((await moveDatabase({ dataDir: from.options.dataDir, databaseUrl: to.url })).auditSeq).toBeGreaterThan(3);
  });

  it('is refused while a control plane runs on the source, and from where there is none', async () => {
    const { from, to } = await databases();
    await using _running = await startPlaneOn(from.options);
    const { dataDir } = from.options;
    await expect(moveDatabase({ dataDir, databaseUrl: to.url })).rejects.toMatchObject({ code: 'data_dir_locked' });
    const nowhere = moveDatabase({ dataDir: join(dataDir, 'nowhere'), databaseUrl: to.url });
    await expect(nowhere).rejects.toMatchObject({ code: 'data_dir_unusable' });
    await expect(readFile(join(dataDir, 'nowhere'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

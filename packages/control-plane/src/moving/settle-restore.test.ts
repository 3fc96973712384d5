import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ControlPlaneClient } from '../api-client/index.ts';
import { verifyAuditChain } from '../audit/verify-chain.ts';
import { DATABASES, query, type TestDatabase } from '../testing/databases.test.support.ts';
import { followChanges, isHeartbeat } from '../testing/event-stream.test.support.ts';
import { ADMIN_TOKEN, AUTH_SERVER_TOKEN, startPlaneOn, type TestPlane } from '../testing/plane.test.support.ts';
import { settleRestore } from './settle-restore.ts';

const ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64');

/** A backup of a stopped control plane, and its restore. */
async function backup({ options }: TestDatabase): Promise<{ restore(): Promise<void> }> {
  const { dataDir, databaseUrl } = options;
  if (databaseUrl === undefined) {
    const [folder, kept] = [join(dataDir, 'db'), `${dataDir}-backup`];
    await cp(folder, kept, { recursive: true });
    return {
      async restore() {
        await rm(folder, { recursive: true });
        await cp(kept, folder, { recursive: true });
      },
    };
  }
  const url = new URL(databaseUrl);
  const name = url.pathname.slice(1);
  url.pathname = '/postgres';
  await query(url.href, `create database ${name}_backup template ${name}`);
  return {
    async restore() {
      await query(url.href, `drop database ${name} with (force)`);
      await query(url.href, `alter database ${name}_backup rename to ${name}`);
    },
  };
}

describe.each(DATABASES)('a restore of an older backup, on $name', { timeout: 180_000 }, kind => {
  async function story(work: (story: Story) => Promise<void>) {
    await using database = await kind.create();
    const options = { ...database.options, encryptionKey: ENCRYPTION_KEY };
    const before = await startPlaneOn(options);
    for (const piped of ['edge-1', 'edge-2', 'edge-3']) await before.register('shop', piped);
    const { kid } = await before.generate('shop', 'edge-1');
    const other = await before.generate('shop', 'edge-2');
    const { body: token } = await before.call('POST', '/v1/tokens', { body: { name: 'leaver', role: 'owner' } });
    await before.plane.close();
    const kept = await backup(database);

    const later = await startPlaneOn(options);
    await later.call('POST', `/v1/keys/${kid}/revoke?force=true`);
    await later.call('POST', '/v1/projects/shop/pipeds/edge-3/disable');
    await later.call('POST', `/v1/tokens/${token.id}/revoke`);
    await later.register('shop', 'edge-4');
    const lost = await later.generate('shop', 'edge-4');
    const rows: unknown[] = [];
    for await (const row of new ControlPlaneClient({ url: later.url, token: ADMIN_TOKEN }).audit.rows()) rows.push(row);
    const revision = await later.revision();
    await later.plane.close();
    await kept.restore();
    await work({ options, kid, other: other.kid, lost: lost.kid, token: token.token, rows, revision });
  }

  interface Story {
    readonly options: TestDatabase['options'] & { encryptionKey: string };
    readonly kid: string;
    readonly other: string;
    readonly lost: string;
    readonly token: string;
    readonly rows: unknown[];
    readonly revision: number;
  }

  const statusOf = async (test: TestPlane, kid: string) => (await test.call('GET', `/v1/keys/${kid}`)).body.keyStatus;
  async function* each(rows: readonly unknown[]) {
    yield* rows;
  }

  it('would bring back what was revoked: the export takes it away again, and followers start over', () =>
    story(async ({ options, kid, other, lost, token, rows, revision }) => {
      const settled = await settleRestore({ ...options, auditRows: each(rows) });
      expect(settled.takenAway.map(({ action }) => action)).toEqual([
        'key.revoked',
        'piped.disabled',
        'access_token.revoked',
      ]);
      expect(settled.lost.map(({ action }) => action)).toEqual(['piped.registered', 'key.generated']);
      expect(settled.revision).toBeGreaterThan(revision);

      await using test = await startPlaneOn(options);
      expect(await statusOf(test, kid)).toBe('revoked');
      expect(await statusOf(test, other)).toBe('active');
      expect((await test.call('GET', `/v1/keys/${lost}`)).body.code).toBe('key_unknown');
      expect((await test.call('GET', '/v1/projects/shop/pipeds/edge-3')).body.pipedStatus).toBe('disabled');
      expect((await test.call('GET', '/v1/projects', { token })).status).toBe(401);
      const { audit } = new ControlPlaneClient({ url: test.url, token: ADMIN_TOKEN });
      expect(await verifyAuditChain(audit.rows(), [await audit.head()])).toMatchObject({ intact: true });
      const restored = await test.call('GET', '/v1/audit?action=database.restored');
      expect(restored.body.items).toMatchObject([{ seq: settled.restoredTo + 1, actor: { role: 'system' } }]);
      // One that knew more than the backup, and one that knew less.
      for (const since of [revision, settled.restoredTo - 3, 1]) {
        await using follower = await followChanges(test.url, AUTH_SERVER_TOKEN, { since });
        const events = await follower.until(isHeartbeat);
        expect(
          events.map(({ event }) => event),
          String(since),
        ).toEqual(['reset', 'heartbeat']);
      }
    }));

  it('has revoked keys good again where nobody has an export, and followers start over all the same', () =>
    story(async ({ options, kid, revision }) => {
      const settled = await settleRestore(options);
      expect(settled).toMatchObject({ takenAway: [], lost: [] });
      await using test = await startPlaneOn(options);
      expect(await statusOf(test, kid)).toBe('active');
      // Writes since then must not let a follower of before take up its old place.
      for (let at = 0; at < 5; at++) await test.register('shop', `new-${at}`);
      await using follower = await followChanges(test.url, AUTH_SERVER_TOKEN, { since: revision });
      expect((await follower.next()).event).toBe('reset');
    }));

  it('takes no export that was touched, or is of another database, and changes nothing then', () =>
    story(async ({ options, kid, rows }) => {
      const last = rows.at(-1) as { actor: object };
      const touched = [...rows.slice(0, -1), { ...last, actor: { role: 'system' } }];
      for (const bad of [touched, rows.slice(1), rows.slice(0, 3), [{}]]) {
        await expect(settleRestore({ ...options, auditRows: each(bad) })).rejects.toMatchObject({
          code: 'audit_broken',
        });
      }
      await using test = await startPlaneOn(options);
      expect(await statusOf(test, kid)).toBe('active');
      expect((await test.call('GET', '/v1/audit?action=database.restored')).body.items).toEqual([]);
    }));
});

import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { ControlPlaneClient } from '../api-client/index.ts';
import { DATABASES, openStore, temporaryFolder } from '../testing/databases.test.support.ts';
import { ADMIN_TOKEN, startPlaneOn } from '../testing/plane.test.support.ts';
import { verifyAuditChain } from './verify-chain.ts';

const MIGRATIONS = fileURLToPath(new URL('../../drizzle', import.meta.url));

/** The migrations of a version that did not chain rows. */
async function olderMigrations(folder: string): Promise<string> {
  const older = join(folder, 'drizzle');
  await cp(MIGRATIONS, older, { recursive: true });
  const journal = JSON.parse(await readFile(join(older, 'meta/_journal.json'), 'utf8'));
  const chained = journal.entries.findIndex(({ tag }: { tag: string }) => tag.endsWith('_audit_chain'));
  expect(chained).toBeGreaterThan(0);
  journal.entries.splice(chained);
  await writeFile(join(older, 'meta/_journal.json'), JSON.stringify(journal));
  return older;
}

describe.each(DATABASES)('audit rows from before there was a chain, on $name', kind => {
  it('are chained by the migration, as this version would have chained them', async () => {
    await using folder = await temporaryFolder();
    await using database = await kind.create();
    const store = await openStore(database);
    const older = await olderMigrations(folder.path);
    await store.exclusively(async (db, migrate) => {
      await migrate(older);
      await db.execute(sql`insert into audit (seq, at, role, token_id, peer_address, action, target, revision) values
        (1, '2029-12-31 23:59:59.999+00', 'system', null, null, 'access_token.created', '{"tokenId": "one"}', 0),
        (2, '2030-01-01 00:00:00+00', 'owner', 'one', '::1', 'project.created', '{"project": "shop"}', 1),
        (3, '2030-01-01 00:00:00.001+00', 'owner', 'one', '::1', 'key.generated',
          '{"piped": "edge-1", "kid": "k", "project": "shop"}', 2),
        (4, '2030-01-01 00:00:01+00', 'owner', 'ö-"\\', null, 'project.disabled', '{}', 3)`);
      await db.execute(sql`update counter set audit_seq = 4, revision = 3`);
    });
    await store.close();

    await using test = await startPlaneOn(database.options);
    await test.register('shop-2', 'edge-1');
    const { audit } = new ControlPlaneClient({ url: test.url, token: ADMIN_TOKEN });
    const head = await audit.head();
    expect(await verifyAuditChain(audit.rows(), [head])).toMatchObject({ intact: true, rows: head.seq });
    expect(head.seq).toBeGreaterThan(7);
  });
});

import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithEngine } from '../engines/describe.ts';
import { startPostgres } from '../harness/postgres.ts';
import { Stage } from '../harness/stage.ts';
import { tempDir } from '../harness/temp.ts';
import { adminCommand, newestMigration, registryOf } from './registry.ts';
import { bothReleases, type Release } from './releases.ts';
import { answers, type Plane, passOf, startPlane, startServer } from './stand.ts';

const SHOP = { project: 'shop', piped: 'edge-1' };
const NEWER = /was migrated by a newer version of spanpass: start that version, or restore a backup/;
/** Several processes start one after the other, and each takes its time where others use the machine too. */
const SLOW_MS = 180_000;
/** A migration that no version here has. */
const OF_A_LATER_VERSION = `insert into drizzle.__drizzle_migrations (hash, created_at) values ('later', 9000000000000)`;
const COUNTED = `(select revision from counter), (select count(*) from audit), (select count(*) from signing_keys),
  (select count(*) from access_tokens), (select count(*) from drizzle.__drizzle_migrations)`;

await describeWithEngine(['previous'], 'the embedded database of the previous version', engines => {
  const stage = new Stage();
  let releases: Readonly<Record<Release['name'], Release>>;
  let folder: string;
  let keyFile: string;

  beforeAll(async () => {
    releases = await bothReleases(engines.previous.path);
    folder = await tempDir(stage, 'upgrade');
    keyFile = join(folder, 'key.json');
  });
  afterAll(() => stage.dispose());

  const data = (name: string) => ({ folder: join(folder, name) });

  it('opens in this one with all that was in it, and its audit verifies', { timeout: SLOW_MS }, async () => {
    const before = await startPlane(stage, releases.previous, data('db'));
    await fill(before, releases.previous, keyFile);
    const was = await registryOf(before);
    await before.process.stop();
    await cp(data('db').folder, data('backup').folder, { recursive: true });

    const after = await startPlane(stage, releases.current, data('db'));
    expect(await registryOf(after)).toEqual(was);
    expect(await adminCommand(releases.current, after.url, ['audit', 'verify'])).toMatchObject({ code: 0 });
    const server = await startServer(stage, releases.current, after);
    await answers(server, await passOf(releases.previous, keyFile), 'allowed');

    const { kid } = await releases.current.client.readKeyFile(keyFile);
    await after.admin.registerPiped({ project: 'shop', piped: 'edge-after' });
    await after.admin.revokeKey(kid, { force: true });
    await answers(server, await passOf(releases.previous, keyFile), 'key_revoked');
    expect(await adminCommand(releases.current, after.url, ['audit', 'verify'])).toMatchObject({ code: 0 });
    const exported = await adminCommand(releases.current, after.url, ['audit', 'export']);
    expect(exported).toMatchObject({ code: 0 });
    await writeFile(join(folder, 'audit.jsonl'), exported.output);
    await after.process.stop();
  });

  it('is refused by the previous one from then on, if its schema has changed', { timeout: SLOW_MS }, async () => {
    const [older, newer] = await Promise.all([releases.previous, releases.current].map(newestMigration));
    const back = startPlane(stage, releases.previous, data('db'));
    if (older === newer) await (await back).process.stop();
    else await expect(back).rejects.toThrow(NEWER);
  });

  it('goes back by its backup, and what was revoked since stays revoked', { timeout: SLOW_MS }, async () => {
    const restored = await adminCommand(releases.previous, '', [
      ...['control-plane', 'restored', '--data-dir', join(data('backup').folder, 'data')],
      ...['--audit', join(folder, 'audit.jsonl')],
    ]);
    expect(restored, restored.output).toMatchObject({ code: 0 });
    const back = await startPlane(stage, releases.previous, data('backup'));
    const server = await startServer(stage, releases.previous, back);
    await answers(server, await passOf(releases.previous, keyFile), 'key_revoked');
    expect((await back.admin.listPipeds({ project: 'shop' })).map(({ piped }) => piped)).not.toContain('edge-after');
    expect(await adminCommand(releases.previous, back.url, ['audit', 'verify'])).toMatchObject({ code: 0 });
    await back.process.stop();
  });
});

await describeWithEngine(['previous', 'postgres'], 'replicas of two versions on PostgreSQL', engines => {
  const stage = new Stage();
  let releases: Readonly<Record<Release['name'], Release>>;
  let folder: string;
  let databaseUrl: string;
  let older: Plane;
  let newer: Plane;

  beforeAll(async () => {
    releases = await bothReleases(engines.previous.path);
    folder = await tempDir(stage, 'roll');
    databaseUrl = (await startPostgres(stage, engines.postgres)).url;
  });
  afterAll(() => stage.dispose());

  it('the first new one takes the database over, with all that was in it', { timeout: SLOW_MS }, async () => {
    older = await startPlane(stage, releases.previous, { folder: join(folder, 'older'), databaseUrl });
    await fill(older, releases.previous, join(folder, 'key.json'));
    const was = await registryOf(older);
    newer = await startPlane(stage, releases.current, { folder: join(folder, 'newer'), databaseUrl });
    expect(await registryOf(newer)).toEqual(was);
  });

  it('both go on writing and telling, until the old one is stopped', { timeout: SLOW_MS }, async () => {
    const [ofOlder, ofNewer] = await Promise.all([
      startServer(stage, releases.previous, older),
      startServer(stage, releases.current, newer),
    ]);
    for (const [plane, release, piped] of [
      [older, releases.previous, 'by-older'],
      [newer, releases.current, 'by-newer'],
    ] as const) {
      const name = { project: 'shop', piped };
      const keyFile = join(folder, `${piped}.json`);
      const { enrollmentToken } = await plane.admin.registerPiped(name);
      await release.client.enroll({ controlPlane: plane.url, enrollmentToken, keyFile });
      const pass = await passOf(release, keyFile);
      for (const server of [ofOlder, ofNewer]) await answers(server, pass, 'allowed');
      await plane.admin.disablePiped(name);
      for (const server of [ofOlder, ofNewer]) await answers(server, pass, 'piped_disabled');
    }
    expect(await registryOf(older)).toEqual(await registryOf(newer));
    for (const [release, plane] of [
      [releases.previous, newer],
      [releases.current, older],
      [releases.current, newer],
    ] as const) {
      const verdict = await adminCommand(release, plane.url, ['audit', 'verify']);
      expect(verdict, verdict.output).toMatchObject({ code: 0 });
    }
  });

  it('an old one that starts anew is refused if the schema has changed', { timeout: SLOW_MS }, async () => {
    await older.process.stop();
    const [before, after] = await Promise.all([releases.previous, releases.current].map(newestMigration));
    const again = startPlane(stage, releases.previous, { folder: join(folder, 'older'), databaseUrl });
    if (before === after) await (await again).process.stop();
    else await expect(again).rejects.toThrow(NEWER);
  });

  it('and every version is refused if a later one was there, and has written nothing', {
    timeout: SLOW_MS,
  }, async () => {
    await newer.process.stop();
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    const state = async () => (await client.query(`select ${COUNTED}`)).rows;
    await client.query(OF_A_LATER_VERSION);
    const before = await state();
    for (const release of Object.values(releases)) {
      const start = startPlane(stage, release, { folder: join(folder, 'again'), databaseUrl });
      await expect(start).rejects.toThrow(NEWER);
    }
    expect(await state()).toEqual(before);
    await client.end();
  });
});

/** Keys of every state, pipeds and projects of both. */
async function fill(plane: Plane, release: Release, keyFile: string): Promise<void> {
  const { admin, url } = plane;
  const { enrollmentToken } = await admin.registerPiped(SHOP);
  await release.client.enroll({ controlPlane: url, enrollmentToken, keyFile });
  await release.client.renew({ keyFile });
  const gone = await admin.registerPiped({ project: 'shop', piped: 'edge-2' });
  const lost = await release.client.enroll({
    ...{ controlPlane: url, enrollmentToken: gone.enrollmentToken },
    keyFile: `${keyFile}.lost`,
  });
  await admin.revokeKey(lost.kid, { force: true });
  await admin.disablePiped({ project: 'shop', piped: 'edge-2' });
  await admin.registerPiped({ project: 'bank', piped: 'edge-1', scopes: ['traces'] });
  await admin.disableProject('bank');
  await admin.createToken({ name: 'viewer', role: 'viewer' });
}

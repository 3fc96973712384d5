import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ControlPlaneOptions } from './options.ts';
import { startControlPlane } from './start.ts';
import {
  DATABASES,
  ENCRYPTION_KEY,
  query,
  SERVED,
  type TestDatabase,
  temporaryFolder,
} from './testing/databases.test.support.ts';

const logger = pino({ level: 'silent' });
const LONG = 'x'.repeat(32);
const UNREACHABLE = 'postgresql://nobody:secret-password@127.0.0.1:1/none';
const ok = async (url: string, token: string | undefined, path = '/v1/pipeds') =>
  (await fetch(url + path, { headers: { authorization: `Bearer ${token}` } })).status;

describe('options', () => {
  it.each([
    ['port', { port: 70_000 }],
    ['port', { port: Number.NaN }],
    ['dataDir', { dataDir: '' }],
    ['databaseUrl', { databaseUrl: 'mysql://localhost' }],
    ['publicUrl', { publicUrl: 'ftp://x' }],
    ['keyLifeSeconds', { keyLifeSeconds: -1 }],
    ['enrollmentTokenLifeSeconds', { enrollmentTokenLifeSeconds: 0.5 }],
    ['trustedProxies.0', { trustedProxies: ['proxy.example.com'] }],
    ['changeFeed.pollMs', { changeFeed: { pollMs: 0 } }],
    ['options', { unknown: 1 }],
  ] as [string, ControlPlaneOptions][])('names the one at fault: %s', async (name, options) => {
    await expect(startControlPlane({ logger, ...options })).rejects.toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(new RegExp(`^${name}: `)) }),
    );
  });

  it.each([
    ['token_too_short', { adminToken: 'x'.repeat(31) }],
    ['token_too_short', { env: { SPANPASS_AUTH_SERVER_TOKEN: 'short' } }],
    ['token_too_short', { env: { SPANPASS_ADMIN_TOKEN: '' } }],
    ['token_malformed', { adminToken: `${LONG} ${LONG}` }],
    ['tokens_equal', { adminToken: LONG, authServerToken: LONG }],
    ['console_unusable', { consoleDir: '/nowhere' }],
    ['encryption_key_malformed', { encryptionKey: 'secret-password' }],
    ['encryption_key_missing', { databaseUrl: UNREACHABLE }],
    ['database_unreachable', { databaseUrl: UNREACHABLE, encryptionKey: ENCRYPTION_KEY }],
  ] as [string, ControlPlaneOptions][])('are refused with %s', async (code, options) => {
    const error = await startControlPlane({ logger, env: {}, ...options }).catch((reason: Error) => reason);
    expect(error).toMatchObject({ name: 'ControlPlaneStartError', code });
    expect((error as Error).message).not.toMatch(/\n|xxxx|secret-password/);
  });
});

describe.each(DATABASES)('starting on $name', kind => {
  let database: TestDatabase;
  const start = (more: ControlPlaneOptions = {}) =>
    startControlPlane({ ...database.options, port: 0, logger, env: {}, ...more });

  beforeEach(async () => {
    database = await kind.create();
  });
  afterEach(() => database[Symbol.asyncDispose]());

  it('makes tokens at the first start, for its owner alone, and finds them again', async () => {
    const first = await start();
    expect(first.adminToken).toMatch(/^spanpass_admin_/);
    expect(first.authServerToken).toMatch(/^spanpass_as_/);
    const { dataDir } = database.options;
    for (const [name, token] of [
      ['admin-token', first.adminToken],
      ['auth-server-token', first.authServerToken],
    ] as const) {
      expect(await readFile(join(dataDir, name), 'utf8')).toBe(`${token}\n`);
      expect((await stat(join(dataDir, name))).mode & 0o777).toBe(0o600);
    }
    await first.close();
    await using second = await start();
    expect(second.adminToken).toBe(first.adminToken);
    expect(await ok(second.url, first.adminToken)).toBe(200);
  });

  it('takes the tokens it is given, and stops taking those before', async () => {
    const first = await start({ env: { SPANPASS_ADMIN_TOKEN: LONG } });
    expect(await ok(first.url, LONG)).toBe(200);
    expect(first.adminToken).toBe(LONG);
    await first.close();
    await using second = await start({ adminToken: `${LONG}2`, authServerToken: LONG });
    expect(await ok(second.url, `${LONG}2`)).toBe(200);
    expect(await ok(second.url, LONG)).toBe(403);
  });

  it('keeps what was written, across a restart', async () => {
    const first = await start();
    const headers = { authorization: `Bearer ${first.adminToken}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ piped: 'edge-1' });
    await fetch(`${first.url}/v1/projects/shop/pipeds`, { method: 'POST', headers, body });
    await first.close();
    await using second = await start();
    const listed = await fetch(`${second.url}/v1/pipeds`, { headers });
    expect(await listed.json()).toMatchObject({ items: [{ project: 'shop', piped: 'edge-1' }] });
  });

  it('refuses token files that others can read, or that hold no token', async () => {
    await (await start()).close();
    const path = join(database.options.dataDir, 'admin-token');
    await chmod(path, 0o644);
    await expect(start()).rejects.toMatchObject({ code: 'token_file_exposed' });
    await writeFile(path, 'short');
    await chmod(path, 0o600);
    await expect(start()).rejects.toMatchObject({ code: 'token_file_malformed' });
    await rm(path);
    await mkdir(path);
    await expect(start()).rejects.toMatchObject({ code: 'data_dir_unusable' });
  });

  it('says in one line that its port is in use, and lets go of all else', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise(resolve => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const message = `the port ${port} on 127.0.0.1 is in use: stop what listens there, or choose another port`;
    await expect(start({ port })).rejects.toMatchObject({ code: 'port_in_use', message });
    server.close();
    await (await start()).close();
  });

  it('says in one line that it can not listen there', async () => {
    await expect(start({ host: '192.0.2.1' })).rejects.toMatchObject({ code: 'listen_failed' });
  });

  it('can be closed twice', async () => {
    const plane = await start();
    await Promise.all([plane.close(), plane.close()]);
    await expect(fetch(plane.url)).rejects.toThrow();
    expect(await plane.ready()).toBe(false);
  });
});

describe('the embedded database', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;

  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  it('is kept from a second control plane', async () => {
    const options = { dataDir: join(folder.path, 'locked'), port: 0, logger, env: {} };
    await using plane = await startControlPlane(options);
    expect(await plane.ready()).toBe(true);
    await expect(startControlPlane(options)).rejects.toMatchObject({ code: 'data_dir_locked' });
  });

  it('makes a new token where the file of the old one was removed', async () => {
    const options = { dataDir: join(folder.path, 'removed'), port: 0, logger, env: {} };
    const first = await startControlPlane(options);
    await first.close();
    await rm(join(options.dataDir, 'admin-token'));
    await using second = await startControlPlane(options);
    expect(second.adminToken).not.toBe(first.adminToken);
    expect(await ok(second.url, first.adminToken)).toBe(401);
  });

  it('says in one line that its files are broken', async () => {
    const dataDir = join(folder.path, 'broken');
    await mkdir(join(dataDir, 'db'), { recursive: true });
    await writeFile(join(dataDir, 'db', 'PG_VERSION'), '18\n');
    const error = await startControlPlane({ dataDir, port: 0, logger, env: {} }).catch((reason: Error) => reason);
    expect(error).toMatchObject({ code: 'database_failed', message: expect.stringMatching(/^[^\n]+$/) });
  });
});

describe.each(SERVED === undefined ? [] : [SERVED])('PostgreSQL', served => {
  it('is migrated by one of several replicas that start at once', async () => {
    await using database = await served.create();
    const { databaseUrl, encryptionKey } = database.options;
    const options = { databaseUrl, encryptionKey, port: 0, logger, env: {}, adminToken: LONG };
    const starts = Array.from({ length: 4 }, (_, at) =>
      startControlPlane({ ...options, dataDir: join(database.options.dataDir, String(at)) }),
    );
    const planes = await Promise.all(starts);
    for (const plane of planes) expect(await ok(plane.url, LONG)).toBe(200);
    // One of them made the other token, and has written it down; the rest know that there is one.
    expect(planes.filter(plane => plane.authServerToken !== undefined)).toHaveLength(1);
    for (const plane of planes) await plane.close();
  });

  it('is left alone when a newer version has been there', async () => {
    await using database = await served.create();
    const options = { ...database.options, port: 0, logger, env: {} };
    await (await startControlPlane(options)).close();
    await query(
      database.options.databaseUrl as string,
      "insert into drizzle.__drizzle_migrations (hash, created_at) values ('x', 9999999999999)",
    );
    await expect(startControlPlane(options)).rejects.toMatchObject({ code: 'database_newer' });
  });
});

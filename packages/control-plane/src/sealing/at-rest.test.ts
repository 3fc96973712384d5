import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PrivateJwk } from '@spanpass/credential';
import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { openedPrivateJwk } from '../registry/sealed-signing-keys.ts';
import type { Store } from '../store/database.ts';
import { signingKeys } from '../store/schema.ts';
import { DATABASES, EMBEDDED, openStore, type TestDatabase } from '../testing/databases.test.support.ts';
import { ENCRYPTION_KEY, startPlaneOn } from '../testing/plane.test.support.ts';
import { type EncryptionKeys, parseEncryptionKeys } from './encryption-keys.ts';
import { isSealed } from './seal.ts';

const NEW_KEY = Buffer.alloc(32, 'another key').toString('base64');
const keysOf = (text: string) => parseEncryptionKeys(text, 'test');

async function withStore<T>(database: TestDatabase, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(database);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

const rowsOf = (database: TestDatabase) => withStore(database, store => store.db.select().from(signingKeys));

async function privateHalves(database: TestDatabase, keys: EncryptionKeys): Promise<PrivateJwk[]> {
  return (await rowsOf(database)).map(row => openedPrivateJwk(row, keys));
}

async function bytesUnder(folder: string): Promise<Buffer> {
  const names = await readdir(folder, { recursive: true });
  const files = await Promise.all(
    names.map(async name => {
      const path = join(folder, name);
      return (await stat(path)).isFile() ? readFile(path) : Buffer.alloc(0);
    }),
  );
  return Buffer.concat(files);
}

describe.each(DATABASES)('the signing keys in $name', database => {
  const startOn = async (created: TestDatabase, encryptionKey: string) => {
    const plane = await startPlaneOn({ ...created.options, encryptionKey });
    const jwks = (await plane.call('GET', '/oauth2/jwks', { token: null })).body;
    const snapshot = await plane.call('POST', '/v1/snapshots', { body: { kids: [] } });
    await plane.plane.close();
    return { jwks, log: plane.log.text, signs: snapshot.status === 200 };
  };

  it('are encrypted anew with a new key, once the old one is given behind it', async () => {
    await using created = await database.create();
    const before = await startOn(created, ENCRYPTION_KEY);
    const halves = await privateHalves(created, keysOf(ENCRYPTION_KEY));
    await expect(startOn(created, NEW_KEY)).rejects.toMatchObject({ code: 'encryption_key_unknown' });
    const both = await startOn(created, `${NEW_KEY},${ENCRYPTION_KEY}`);
    expect(both).toMatchObject({ jwks: before.jwks, signs: true });
    expect(await privateHalves(created, keysOf(NEW_KEY))).toEqual(halves);
    expect(await startOn(created, NEW_KEY)).toMatchObject({ jwks: before.jwks, signs: true });
  });

  it('that an older version left in the clear are encrypted at the start, and the log says so', async () => {
    await using created = await database.create();
    const before = await startOn(created, ENCRYPTION_KEY);
    await withStore(created, async store => {
      for (const row of await store.db.select().from(signingKeys)) {
        const privateJwk = openedPrivateJwk(row, keysOf(ENCRYPTION_KEY));
        await store.db.update(signingKeys).set({ privateJwk }).where(eq(signingKeys.kid, row.kid));
      }
    });
    const after = await startOn(created, NEW_KEY);
    expect(after).toMatchObject({ jwks: before.jwks, signs: true });
    expect(after.log).toContain('older backups hold them');
    for (const { privateJwk } of await rowsOf(created)) expect(isSealed(privateJwk)).toBe(true);
  });

  it('are refused where a row was exchanged for another', async () => {
    await using created = await database.create();
    await startOn(created, ENCRYPTION_KEY);
    const [one, two] = await rowsOf(created);
    await withStore(created, store =>
      store.db
        .update(signingKeys)
        .set({ privateJwk: (two as NonNullable<typeof two>).privateJwk })
        .where(eq(signingKeys.kid, one?.kid ?? '')),
    );
    await expect(startOn(created, ENCRYPTION_KEY)).rejects.toMatchObject({ code: 'encryption_key_unknown' });
  });
});

describe('the embedded database', () => {
  it('holds no private half in any of its bytes, nor does the log', async () => {
    await using created = await EMBEDDED.create();
    const plane = await startPlaneOn({ ...created.options });
    await plane.call('POST', '/v1/signing-key', { body: {} });
    await plane.plane.close();
    const rows = await rowsOf(created);
    const halves = await privateHalves(created, keysOf(ENCRYPTION_KEY));
    expect(halves.length).toBeGreaterThan(2);
    const bytes = await bytesUnder(join(created.options.dataDir, 'db'));
    for (const { kid } of rows) expect(bytes.includes(kid)).toBe(true);
    for (const { d = '' } of halves) {
      expect(d).toMatch(/^[\w-]{43}$/);
      for (const form of [d, Buffer.from(d, 'base64url'), Buffer.from(d, 'base64url').toString('hex')]) {
        expect(bytes.includes(form)).toBe(false);
      }
      expect(plane.log.text).not.toContain(d);
    }
  });

  it('has a key made for it at the first start, which its owner alone can read, and no other start without it', async () => {
    await using created = await EMBEDDED.create();
    const start = () => startPlaneOn({ ...created.options, encryptionKey: undefined });
    await (await start()).plane.close();
    const path = join(created.options.dataDir, 'encryption-key');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const text = await readFile(path, 'utf8');
    expect(await privateHalves(created, keysOf(text))).not.toEqual([]);
    await (await start()).plane.close();
    expect(await readFile(path, 'utf8')).toBe(text);
    await writeFile(path, NEW_KEY);
    await expect(start()).rejects.toMatchObject({ code: 'encryption_key_unknown' });
    await writeFile(path, 'x');
    await expect(start()).rejects.toMatchObject({ code: 'encryption_key_malformed' });
  });

  it('does not start in production without a key that was given', async () => {
    await using created = await EMBEDDED.create();
    const options = { ...created.options, encryptionKey: undefined, production: true };
    await expect(startPlaneOn(options)).rejects.toMatchObject({
      code: 'encryption_key_missing',
      message: expect.stringContaining('SPANPASS_ENCRYPTION_KEY'),
    });
    await (await startPlaneOn({ ...options, env: { SPANPASS_ENCRYPTION_KEY: NEW_KEY } })).plane.close();
    expect(await privateHalves(created, keysOf(NEW_KEY))).not.toEqual([]);
  });
});

it('a database server is production, and asked for nothing before there is a key', async () => {
  await using created = await EMBEDDED.create();
  const databaseUrl = 'postgresql://nobody@127.0.0.1:1/none';
  const start = startPlaneOn({ ...created.options, databaseUrl, production: false, encryptionKey: undefined });
  await expect(start).rejects.toMatchObject({ code: 'encryption_key_missing' });
});

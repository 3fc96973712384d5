import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Store } from '../store/database.ts';
import { openEmbedded } from '../store/embedded.ts';
import { openServed } from '../store/served.ts';

/** Needed on a database server. */
export const ENCRYPTION_KEY = Buffer.alloc(32, 'encryption key').toString('base64');

/** A database of a test's own. */
export interface TestDatabase extends AsyncDisposable {
  readonly options: { readonly dataDir: string; readonly databaseUrl?: string; readonly encryptionKey?: string };
}

export interface DatabaseKind {
  readonly name: 'PGlite' | 'PostgreSQL';
  create(): Promise<TestDatabase>;
}

const serverUrl = process.env.SPANPASS_TEST_DATABASE_URL;

export const EMBEDDED: DatabaseKind = { name: 'PGlite', create: createEmbedded };

/** Where `SPANPASS_TEST_DATABASE_URL` names a server that makes databases. */
export const SERVED: DatabaseKind | undefined =
  serverUrl === undefined ? undefined : { name: 'PostgreSQL', create: () => createServed(serverUrl) };

/** What this run is about: the server, where there is one, else the embedded database. */
export const DATABASES: readonly DatabaseKind[] = [SERVED ?? EMBEDDED];

/** Opens it as a control plane does, and leaves it as it is: it may have no tables yet. */
export function openStore({ options: { dataDir, databaseUrl } }: TestDatabase): Promise<Store> {
  return databaseUrl === undefined ? openEmbedded(join(dataDir, 'db')) : openServed(databaseUrl);
}

export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'spanpass-control-plane-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function createEmbedded(): Promise<TestDatabase> {
  const folder = await temporaryFolder();
  return { options: { dataDir: join(folder.path, 'data') }, [Symbol.asyncDispose]: folder[Symbol.asyncDispose] };
}

async function createServed(url: string): Promise<TestDatabase> {
  const folder = await temporaryFolder();
  const name = `spanpass_test_${randomBytes(6).toString('hex')}`;
  await query(url, `create database ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return {
    options: { dataDir: join(folder.path, 'data'), databaseUrl: own.href, encryptionKey: ENCRYPTION_KEY },
    async [Symbol.asyncDispose]() {
      await query(url, `drop database ${name} with (force)`);
      await folder[Symbol.asyncDispose]();
    },
  };
}

export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

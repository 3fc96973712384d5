import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';
import { ControlPlaneStartError } from '../problems/start-error.ts';
import { ChangeListener } from './change-listener.ts';
import type { Database, Store } from './database.ts';
import { isUnavailable, rootCause } from './failures.ts';
import { requireOwnBackends } from './pooling.ts';

/** Any number that other users of the same database don't take for their advisory locks. */
const START_LOCK = 7_368_011_233;
const STATEMENT_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5000;
const APPLICATION = 'spanpass-control-plane';

/**
 * Opens PostgreSQL (15 or newer), over at most `maxConnections` connections.
 *
 * @param url `postgresql://user:password@host:port/database`, with `sslmode` as libpq has it
 * @throws ControlPlaneStartError `database_unreachable`, `database_pooled`
 */
export async function openServed(url: string, maxConnections = 10): Promise<Store> {
  const pool = new pg.Pool({
    connectionString: url,
    max: maxConnections,
    application_name: APPLICATION,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: STATEMENT_TIMEOUT_MS / 2,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    // A server that has gone silent must not hold a connection for ever.
    query_timeout: STATEMENT_TIMEOUT_MS + 2000,
  });
  // A connection that dies while it is idle is replaced by the pool; without a listener it would end the process.
  pool.on('error', () => {});
  try {
    await pool.query('select 1').catch(error => {
      throw unreachable(error);
    });
    if (maxConnections > 1) await refuseTransactionPooling(pool);
  } catch (error) {
    await pool.end();
    throw error;
  }
  return {
    kind: 'served',
    db: drizzle(pool),
    transaction: work => withClient(pool, client => inTransaction(client, work)),
    exclusively: work => underStartLock(url, work),
    listen(callbacks) {
      const listener = new ChangeListener({ url, ...callbacks });
      return () => listener.close();
    },
    close: () => pool.end(),
  };
}

function refuseTransactionPooling(pool: pg.Pool): Promise<void> {
  const session = (client: pg.PoolClient) => async (sql: string) => (await client.query(sql)).rows[0];
  const work = withClient(pool, one => withClient(pool, other => requireOwnBackends(session(one), session(other))));
  return work.catch(error => {
    throw error instanceof ControlPlaneStartError ? error : unreachable(error);
  });
}

/** A client that failed is not used again: its answers may still be on the way. */
async function withClient<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  // While it is checked out, the pool does not listen for its errors; the statement under way fails by itself.
  const ignore = () => {};
  client.on('error', ignore);
  let discard = false;
  try {
    return await work(client);
  } catch (error) {
    discard = isUnavailable(error);
    throw error;
  } finally {
    client.off('error', ignore);
    client.release(discard);
  }
}

/** Drizzle's own keeps the client when `begin` fails, and hides the first error behind that of the rollback. */
async function inTransaction<T>(client: pg.PoolClient, work: (tx: Database) => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    const result = await work(drizzle(client));
    await client.query('commit');
    return result;
  } catch (error) {
    // The end of its connection ends the transaction too.
    if (!isUnavailable(error)) await client.query('rollback').catch(() => {});
    throw error;
  }
}

/** On a connection of its own, since a migration may take longer than any statement that serves a request. */
async function underStartLock<T>(
  url: string,
  work: (db: Database, migrate: (folder: string) => Promise<void>) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: APPLICATION,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    lock_timeout: 60_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select pg_advisory_lock($1)', [START_LOCK]);
    const database = drizzle(client);
    return await work(database, migrationsFolder => migrate(database, { migrationsFolder }));
  } finally {
    await client.end();
  }
}

function unreachable(error: unknown): ControlPlaneStartError {
  const cause = rootCause(error);
  const code = (cause as { code?: unknown } | undefined)?.code;
  const reason = typeof code === 'string' && /^\w{1,20}$/.test(code) ? code : 'no connection';
  return new ControlPlaneStartError(
    'database_unreachable',
    `the PostgreSQL server can't be reached, or turns this user away (${reason}): check the database URL`,
    { cause },
  );
}

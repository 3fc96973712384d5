import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';

/** What statements go through: one dialect, whichever driver is behind it. */
export type Database = PgDatabase<PgQueryResultHKT>;

/** An open database, embedded or served. */
export interface Store {
  readonly kind: 'embedded' | 'served';
  /** For single statements. */
  readonly db: Database;
  /** Commits when `work` resolves, and rolls back when it rejects. READ COMMITTED. */
  transaction<T>(work: (tx: Database) => Promise<T>): Promise<T>;
  /** Runs `work` while no other process starts on the same database. */
  exclusively<T>(work: (db: Database, migrate: Migrate) => Promise<T>): Promise<T>;
  /**
   * Calls back when another process may have written, sooner than polling would find out; absent where there is none.
   * Returns a function that ends it.
   */
  listen?(callbacks: {
    readonly onWritten: () => void;
    readonly onLost: (error: unknown) => void;
  }): () => Promise<void>;
  /** Ends all connections once what is under way has ended. */
  close(): Promise<void>;
}

/** Applies the migrations in a folder. */
export type Migrate = (folder: string) => Promise<void>;

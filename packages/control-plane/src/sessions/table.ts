import { index, pgTable, text, timestamp } from 'drizzle-orm/pg-core';
import { accessTokens } from '../store/schema.ts';

const time = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });

/** Sign-ins of people. A session has no role of its own: it acts as its token does, and ends with it. */
export const sessions = pgTable(
  'sessions',
  {
    /** SHA-256 in hex of what the cookie holds; that itself is kept nowhere. */
    secretHash: text('secret_hash').primaryKey(),
    tokenId: text('token_id')
      .notNull()
      .references(() => accessTokens.id, { onDelete: 'cascade' }),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at').notNull(),
  },
  table => [index('sessions_token').on(table.tokenId, table.createdAt)],
);

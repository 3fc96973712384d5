import { sql } from 'drizzle-orm';
import { check, index, jsonb, pgTable, text, timestamp } from 'drizzle-orm/pg-core';
import type { PersonRole } from '../sign-in/options.ts';
import type { Person } from '../sign-in/person.ts';
import { accessTokens } from '../store/schema.ts';

const time = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });

/**
 * Sign-ins of people. One by a token has no role of its own: it acts as its token does, and ends with it. One at the
 * identity provider has what was granted then, for as long as the rules that granted it are those that are set.
 */
export const sessions = pgTable(
  'sessions',
  {
    /** SHA-256 in hex of what the cookie holds; that itself is kept nowhere. */
    secretHash: text('secret_hash').primaryKey(),
    tokenId: text('token_id').references(() => accessTokens.id, { onDelete: 'cascade' }),
    personId: text('person_id'),
    person: jsonb('person').$type<Person>(),
    role: text('role').$type<PersonRole>(),
    /** None: not bound. */
    projects: text('projects').array(),
    rulesId: text('rules_id'),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at').notNull(),
  },
  table => [
    index('sessions_token').on(table.tokenId, table.createdAt),
    index('sessions_person').on(table.personId, table.createdAt),
    check(
      'sessions_whose',
      sql`num_nonnulls(${table.tokenId}, ${table.personId}) = 1
        and num_nulls(${table.personId}, ${table.person}, ${table.role}, ${table.rulesId}) in (0, 4)
        and coalesce(${table.role}, 'viewer') in ('owner', 'project-admin', 'viewer')`,
    ),
  ],
);

/** Sign-ins at the identity provider that the browser came back from, for as long as it could come back once more. */
export const finishedSignIns = pgTable(
  'finished_sign_ins',
  {
    /** SHA-256 in hex of the state. */
    stateHash: text('state_hash').primaryKey(),
    forgetAt: time('forget_at').notNull(),
  },
  table => [index('finished_sign_ins_forget_at').on(table.forgetAt)],
);

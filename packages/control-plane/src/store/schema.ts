import type { Algorithm, PrivateJwk, PublicJwk, Signal } from '@spanpass/credential';
import { sql } from 'drizzle-orm';
import {
  type AnyPgColumn,
  bigint,
  check,
  foreignKey,
  index,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
} from 'drizzle-orm/pg-core';
import type { AuditAction, AuditRow } from '../wire/audit.ts';
import type { ChangeBody } from '../wire/changes.ts';
import type { Status } from '../wire/keys.ts';
import type { SigningPurpose } from '../wire/signing-keys.ts';

const number = (name: string) => bigint(name, { mode: 'number' });
const time = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });

/**
 * One row. Whoever writes locks it first, so that all writes, of all replicas, happen one after the other, and
 * revisions and audit numbers are in commit order, without a gap.
 */
export const counter = pgTable(
  'counter',
  {
    id: smallint('id').primaryKey(),
    /** Of the newest change; each revision has exactly one row in `changes` until it is compacted away. */
    revision: number('revision').notNull(),
    auditSeq: number('audit_seq').notNull(),
  },
  table => [check('counter_one_row', sql`${table.id} = 1`)],
);

export const projects = pgTable(
  'projects',
  {
    project: text('project').primaryKey(),
    status: text('status').$type<Status>().notNull(),
    createdAt: time('created_at').notNull(),
    revision: number('revision').notNull(),
  },
  table => [check('projects_status', sql`${table.status} in ('active', 'disabled')`)],
);

export const pipeds = pgTable(
  'pipeds',
  {
    project: text('project')
      .notNull()
      .references(() => projects.project),
    piped: text('piped').notNull(),
    status: text('status').$type<Status>().notNull(),
    scopes: text('scopes').array().$type<Signal[]>().notNull(),
    createdAt: time('created_at').notNull(),
    revision: number('revision').notNull(),
  },
  table => [
    primaryKey({ columns: [table.project, table.piped] }),
    check('pipeds_status', sql`${table.status} in ('active', 'disabled')`),
  ],
);

export const keys = pgTable(
  'keys',
  {
    kid: text('kid').primaryKey(),
    project: text('project').notNull(),
    piped: text('piped').notNull(),
    alg: text('alg').$type<Algorithm>().notNull(),
    publicJwk: jsonb('public_jwk').$type<PublicJwk>().notNull(),
    status: text('status').$type<'active' | 'retired' | 'revoked'>().notNull(),
    /** NumericDate seconds, as in the key record. */
    notBefore: number('not_before').notNull(),
    notAfter: number('not_after').notNull(),
    /** The key that it was renewed by. From then on it lives through its overlap, and is retired at its end. */
    supersededBy: text('superseded_by').references((): AnyPgColumn => keys.kid),
    createdAt: time('created_at').notNull(),
    revision: number('revision').notNull(),
  },
  table => [
    foreignKey({ columns: [table.project, table.piped], foreignColumns: [pipeds.project, pipeds.piped] }),
    index('keys_piped').on(table.project, table.piped),
    index('keys_to_retire')
      .on(table.notAfter)
      .where(sql`${table.supersededBy} is not null and ${table.status} = 'active'`),
    check('keys_status', sql`${table.status} in ('active', 'retired', 'revoked')`),
  ],
);

export const enrollmentTokens = pgTable(
  'enrollment_tokens',
  {
    id: text('id').primaryKey(),
    /** SHA-256 in hex; the token itself is kept nowhere. */
    tokenHash: text('token_hash').notNull().unique(),
    project: text('project').notNull(),
    piped: text('piped').notNull(),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at').notNull(),
    /** The one key that it enrolled. */
    usedKid: text('used_kid').references(() => keys.kid),
    usedAt: time('used_at'),
  },
  table => [
    foreignKey({ columns: [table.project, table.piped], foreignColumns: [pipeds.project, pipeds.piped] }),
    index('enrollment_tokens_piped').on(table.project, table.piped),
  ],
);

/** Renewal credentials that have been used, for as long as they could be shown again. */
export const usedRenewals = pgTable(
  'used_renewals',
  {
    /** Of the key that signed. */
    kid: text('kid')
      .notNull()
      .references(() => keys.kid),
    jti: text('jti').notNull(),
    forgetAt: time('forget_at').notNull(),
  },
  table => [primaryKey({ columns: [table.kid, table.jti] }), index('used_renewals_forget_at').on(table.forgetAt)],
);

export const accessTokens = pgTable(
  'access_tokens',
  {
    id: text('id').primaryKey(),
    role: text('role').$type<'admin' | 'auth-server'>().notNull(),
    /** SHA-256 in hex; the token itself is kept nowhere. */
    tokenHash: text('token_hash').notNull().unique(),
    createdAt: time('created_at').notNull(),
  },
  table => [check('access_tokens_role', sql`${table.role} in ('admin', 'auth-server')`)],
);

/** The change feed. Old rows are compacted away. */
export const changes = pgTable('changes', {
  revision: number('revision').primaryKey(),
  body: jsonb('body').$type<ChangeBody>().notNull(),
  at: time('at').notNull(),
});

/** Rows are added and never changed. */
export const audit = pgTable('audit', {
  seq: number('seq').primaryKey(),
  at: time('at').notNull(),
  role: text('role').$type<AuditRow['actor']['role']>().notNull(),
  tokenId: text('token_id'),
  peerAddress: text('peer_address'),
  action: text('action').$type<AuditAction>().notNull(),
  target: jsonb('target').$type<AuditRow['target']>().notNull(),
  revision: number('revision').notNull(),
});

/** The control plane's own keys, apart from each other by purpose. A new one is shown before it signs. */
export const signingKeys = pgTable(
  'signing_keys',
  {
    kid: text('kid').primaryKey(),
    purpose: text('purpose').$type<SigningPurpose>().notNull(),
    alg: text('alg').$type<Algorithm>().notNull(),
    publicJwk: jsonb('public_jwk').$type<PublicJwk>().notNull(),
    privateJwk: jsonb('private_jwk').$type<PrivateJwk>().notNull(),
    /** The key that signs for a purpose is the one of these that is not in the future, and last. */
    signsFrom: time('signs_from').notNull(),
    createdAt: time('created_at').notNull(),
  },
  table => [index('signing_keys_purpose').on(table.purpose, table.signsFrom)],
);

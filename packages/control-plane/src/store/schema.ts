import type { Algorithm, PrivateJwk, PublicJwk, Signal } from '@spanpass/credential';
import { sql } from 'drizzle-orm';
import {
  type AnyPgColumn,
  bigint,
  boolean,
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
import { GENESIS_HASH } from '../audit/row-hash.ts';
import type { Sealed } from '../sealing/seal.ts';
import type { Person } from '../sign-in/person.ts';
import type { AuditAction, AuditRow } from '../wire/audit.ts';
import type { ChangeBody } from '../wire/changes.ts';
import type { Status } from '../wire/keys.ts';
import type { SigningPurpose } from '../wire/signing-keys.ts';
import type { Role } from '../wire/tokens.ts';

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
    /** Of the newest audit row; 64 zeros before the first. */
    auditHash: text('audit_hash').notNull().default(GENESIS_HASH),
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
    index('pipeds_named').on(table.piped, table.project),
    index('pipeds_disabled').on(table.project, table.piped).where(sql`${table.status} = 'disabled'`),
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
    /** The key that it was renewed by. It is retired when that one has been seen, and its overlap has ended. */
    supersededBy: text('superseded_by').references((): AnyPgColumn => keys.kid),
    /** NumericDate seconds; from the renewal on. */
    overlapEndsAt: number('overlap_ends_at'),
    createdAt: time('created_at').notNull(),
    revision: number('revision').notNull(),
  },
  table => [
    foreignKey({ columns: [table.project, table.piped], foreignColumns: [pipeds.project, pipeds.piped] }),
    index('keys_piped').on(table.project, table.piped),
    index('keys_to_retire')
      .on(table.overlapEndsAt)
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

/** Assertions that were exchanged for an access token, for as long as they could be shown again. */
export const usedAssertions = pgTable(
  'used_assertions',
  {
    /** Of the key that signed. */
    kid: text('kid')
      .notNull()
      .references(() => keys.kid),
    jti: text('jti').notNull(),
    forgetAt: time('forget_at').notNull(),
  },
  table => [primaryKey({ columns: [table.kid, table.jti] }), index('used_assertions_forget_at').on(table.forgetAt)],
);

export const accessTokens = pgTable(
  'access_tokens',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull().default(''),
    role: text('role').$type<Role>().notNull(),
    /** The projects that it is bound to; none: it is not bound. */
    projects: text('projects').array(),
    /** SHA-256 in hex; the token itself is kept nowhere. */
    tokenHash: text('token_hash').notNull().unique(),
    /** Settled at the start, by the environment or a file, and so replaced there and not here. */
    settled: boolean('settled').notNull().default(false),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at'),
    revokedAt: time('revoked_at'),
    /** Written now and then, not with each use. */
    lastUsedAt: time('last_used_at'),
  },
  table => [
    index('access_tokens_listed').on(table.createdAt, table.id),
    check('access_tokens_role', sql`${table.role} in ('owner', 'project-admin', 'viewer', 'auth-server')`),
    check('access_tokens_projects', sql`${table.role} <> 'project-admin' or ${table.projects} is not null`),
  ],
);

/** Answers to creating calls that came with an idempotency key, without what was shown once. */
export const idempotentCalls = pgTable(
  'idempotent_calls',
  {
    /** The caller's: nobody meets the keys of others. */
    tokenId: text('token_id').notNull(),
    key: text('key').notNull(),
    /** SHA-256 in hex of the call. */
    requestHash: text('request_hash').notNull(),
    kept: jsonb('kept').notNull(),
    at: time('at').notNull(),
  },
  table => [primaryKey({ columns: [table.tokenId, table.key] }), index('idempotent_calls_at').on(table.at)],
);

/** When keys were last used, as auth servers report it. Apart from the keys, which change seldom. */
export const keyUse = pgTable('key_use', {
  kid: text('kid')
    .primaryKey()
    .references(() => keys.kid),
  lastUsedAt: time('last_used_at').notNull(),
});

/** What auth servers refused of a piped. Unless `verified`, anybody may have sent it in his name. */
export const pipedRefusals = pgTable(
  'piped_refusals',
  {
    project: text('project').notNull(),
    piped: text('piped').notNull(),
    verified: boolean('verified').notNull(),
    count: number('count').notNull(),
    lastReason: text('last_reason').notNull(),
    lastAt: time('last_at').notNull(),
  },
  table => [
    primaryKey({ columns: [table.project, table.piped, table.verified] }),
    foreignKey({ columns: [table.project, table.piped], foreignColumns: [pipeds.project, pipeds.piped] }),
  ],
);

/** By what else than its own key auth servers have known a piped, and when last. */
export const pipedUse = pgTable(
  'piped_use',
  {
    project: text('project').notNull(),
    piped: text('piped').notNull(),
    authenticator: text('authenticator').notNull(),
    lastUsedAt: time('last_used_at').notNull(),
  },
  table => [
    primaryKey({ columns: [table.project, table.piped, table.authenticator] }),
    foreignKey({ columns: [table.project, table.piped], foreignColumns: [pipeds.project, pipeds.piped] }),
  ],
);

/** What PipeCD's own keys of a piped are compared with, until it has moved to a key pair. */
export const pipecdKeys = pgTable(
  'pipecd_keys',
  {
    project: text('project').notNull(),
    piped: text('piped').notNull(),
    /** bcrypt, 1 or 2, the newest first. */
    hashes: text('hashes').array().notNull(),
  },
  table => [
    primaryKey({ columns: [table.project, table.piped] }),
    foreignKey({ columns: [table.project, table.piped], foreignColumns: [pipeds.project, pipeds.piped] }),
    check('pipecd_keys_hashes', sql`cardinality(${table.hashes}) between 1 and 2`),
  ],
);

/** The change feed. Old rows are compacted away. */
export const changes = pgTable('changes', {
  revision: number('revision').primaryKey(),
  body: jsonb('body').$type<ChangeBody>().notNull(),
  at: time('at').notNull(),
});

/** Rows are added and never changed, which triggers hold; each has the hash of the one before it in its own. */
export const audit = pgTable(
  'audit',
  {
    seq: number('seq').primaryKey(),
    at: time('at').notNull(),
    role: text('role').$type<AuditRow['actor']['role']>().notNull(),
    tokenId: text('token_id'),
    person: jsonb('person').$type<Person>(),
    peerAddress: text('peer_address'),
    action: text('action').$type<AuditAction>().notNull(),
    target: jsonb('target').$type<AuditRow['target']>().notNull(),
    revision: number('revision').notNull(),
    hash: text('hash').notNull(),
  },
  table => [
    index('audit_project').on(sql`(${table.target} ->> 'project')`, table.seq),
    index('audit_piped').on(sql`(${table.target} ->> 'piped')`, table.seq),
    index('audit_action').on(table.action, table.seq),
    index('audit_at').on(table.at),
  ],
);

/** The control plane's own keys, apart from each other by purpose. A new one is shown before it signs. */
export const signingKeys = pgTable(
  'signing_keys',
  {
    kid: text('kid').primaryKey(),
    purpose: text('purpose').$type<SigningPurpose>().notNull(),
    alg: text('alg').$type<Algorithm>().notNull(),
    publicJwk: jsonb('public_jwk').$type<PublicJwk>().notNull(),
    /** Sealed; as it is only where an older version wrote it, until the next start. */
    privateJwk: jsonb('private_jwk').$type<PrivateJwk | Sealed>().notNull(),
    /** The key that signs for a purpose is the one of these that is not in the future, and last. */
    signsFrom: time('signs_from').notNull(),
    createdAt: time('created_at').notNull(),
  },
  table => [index('signing_keys_purpose').on(table.purpose, table.signsFrom)],
);

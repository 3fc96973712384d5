import { z } from 'zod';
import { revisionSchema } from './keys.ts';
import { seconds } from './time.ts';
import { ROLES } from './tokens.ts';

export const AUDIT_ACTIONS = Object.freeze([
  'project.created',
  'project.enabled',
  'project.disabled',
  'piped.registered',
  'piped.enabled',
  'piped.disabled',
  'piped.scopes_changed',
  'enrollment_token.created',
  'enrollment_token.replaced',
  'key.generated',
  'key.uploaded',
  'key.enrolled',
  'key.renewed',
  'key.superseded',
  'key.retired',
  'key.revoked',
  'access_token.replaced',
  'access_token.created',
  'access_token.revoked',
  'session.started',
  'session.ended',
  'signing_key.created',
  'signing_key.withdrawn',
  'pipecd_keys.imported',
  'pipecd_keys.forgotten',
  'database.moved',
  'database.restored',
] as const);

export type AuditAction = (typeof AUDIT_ACTIONS)[number];

export const ACTOR_ROLES = Object.freeze([...ROLES, 'enrollment', 'renewal', 'system'] as const);

/** Whom an identity provider signed in. */
export const personSchema = z.object({
  issuer: z.string(),
  /** The issuer's own name for him. */
  subject: z.string(),
  /** That the issuer has verified. */
  email: z.string().optional(),
});

export const auditRowSchema = z.object({
  /** Counts up by one, in the order of the writes. */
  seq: z.number().int().positive(),
  at: seconds,
  actor: z.object({
    role: z.enum(ACTOR_ROLES),
    /** Which token it was, an id of its own that has nothing of the token in it; the signer's kid for a renewal. */
    tokenId: z.string().optional(),
    /** Who it was, of those that sign in at the identity provider. */
    person: personSchema.optional(),
    /** Where the connection came from. */
    peerAddress: z.string().optional(),
  }),
  action: z.enum(AUDIT_ACTIONS),
  target: z.object({
    project: z.string().optional(),
    piped: z.string().optional(),
    kid: z.string().optional(),
    tokenId: z.string().optional(),
  }),
  /** The change's revision; of a write that followers are not told of, the last revision before it. */
  revision: revisionSchema,
  /** `at` to the millisecond, for the hash. */
  atMs: z.number().int().nonnegative(),
  /** SHA-256 in hex over the row and the hash of the row before it. */
  hash: z.string(),
});

export type AuditRow = z.infer<typeof auditRowSchema>;

export const auditListSchema = z.object({ items: z.array(auditRowSchema), next: z.string().optional() });

/** Where the chain of audit rows stood, and the signature for that. */
export const auditHeadSchema = z.object({
  /** Of the last row; 0 if there is none. */
  seq: z.number().int().nonnegative(),
  /** That row's. */
  hash: z.string(),
  /** When this was read. */
  at: seconds,
  /** A JWS (ES256, `typ: audit-head+jwt`, claims `iss iat seq hash`) of the key for audit heads. */
  jws: z.string(),
});

export type AuditHead = z.infer<typeof auditHeadSchema>;

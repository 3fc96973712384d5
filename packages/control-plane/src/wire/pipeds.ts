import { idSchema, SIGNALS } from '@spanpass/credential';
import { z } from 'zod';
import { statusSchema } from './keys.ts';
import { seconds } from './time.ts';

export const scopes = z.array(z.enum(SIGNALS)).max(SIGNALS.length);

export const registerPipedBodySchema = z.strictObject({
  piped: idSchema,
  /** The signals that the piped may send. */
  scopes: scopes.min(1, 'must name at least one signal').default(['traces']),
});

export const changePipedBodySchema = z.strictObject({
  /** The signals that the piped may send from now on. */
  scopes: scopes.min(1, 'must name at least one signal'),
});

export const enrollmentTokenSchema = z.object({
  /** One-time, and shown only here. */
  enrollmentToken: z.string(),
  enrollmentTokenExpiresAt: seconds,
});

export type EnrollmentToken = z.infer<typeof enrollmentTokenSchema>;

export const pipedSchema = z.object({
  project: idSchema,
  piped: idSchema,
  pipedStatus: statusSchema,
  scopes,
  createdAt: seconds,
});

export type Piped = z.infer<typeof pipedSchema>;

export const registeredPipedSchema = pipedSchema.extend(enrollmentTokenSchema.shape);

export type RegisteredPiped = z.infer<typeof registeredPipedSchema>;

const refusedSchema = z.object({
  /** Since the piped was registered. */
  count: z.number().int().positive(),
  /** Why, the last time: a refusal code of the auth server's. */
  lastReason: z.string(),
  lastAt: seconds,
});

/** What auth servers refused. Absent where there was none. */
export const refusalsSchema = z.object({
  /** Credentials that a key of the piped had signed. */
  verified: refusedSchema.optional(),
  /** Credentials that named a key of the piped, whoever sent them. */
  claimed: refusedSchema.optional(),
});

export type Refusals = z.infer<typeof refusalsSchema>;

export const listedPipedSchema = pipedSchema.extend({
  projectStatus: statusSchema,
  /** How many keys are active and have not expired. */
  keys: z.number().int().nonnegative(),
  /** From when on the newest key that is not revoked is good. Absent: there is none. */
  newestKeySince: seconds.optional(),
  /** When the last of them ends: without a renewal, the piped stops passing then. */
  keysEndAt: seconds.optional(),
  /** When an auth server last let a key of the piped pass. Absent: never, or none has said so. */
  lastSeenAt: seconds.optional(),
  refusals: refusalsSchema.default({}),
  /** By which authenticator an auth server knew it, and when last: `piped-jwt` is its own key. The newest first. */
  lastSeenBy: z.array(z.object({ authenticator: z.string(), lastSeenAt: seconds })).default([]),
  /** How many of PipeCD's own keys it may still use. */
  pipecdKeys: z.number().int().nonnegative().default(0),
});

export type ListedPiped = z.infer<typeof listedPipedSchema>;

export const pipedListSchema = z.object({
  items: z.array(listedPipedSchema),
  /** Where the next page begins; absent on the last one. */
  next: z.string().optional(),
});

export const projectSchema = z.object({ project: idSchema, projectStatus: statusSchema, createdAt: seconds });

export type Project = z.infer<typeof projectSchema>;

export const projectListSchema = z.object({ items: z.array(projectSchema), next: z.string().optional() });

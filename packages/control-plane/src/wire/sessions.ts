import { idSchema } from '@spanpass/credential';
import { z } from 'zod';
import { personSchema } from './audit.ts';
import { seconds } from './time.ts';
import { ROLES } from './tokens.ts';

export const signInBodySchema = z.strictObject({ token: z.string().min(1).max(512) });

/** Who is signed in, and for how long. */
export const sessionSchema = z.object({
  /** The id of the token that he acts with; absent for whoever signed in at the identity provider. */
  tokenId: z.string().optional(),
  person: personSchema.optional(),
  role: z.enum(ROLES),
  /** Absent: all. */
  projects: z.array(idSchema).optional(),
  /** Of the session; absent for a caller that shows his token each time. */
  expiresAt: seconds.optional(),
});

export type SessionView = z.infer<typeof sessionSchema>;

/** How people can sign in, besides with a token. */
export const waysInSchema = z.object({
  /** At an OpenID Connect provider, by `GET /v1/session/oidc`. */
  oidc: z.object({ name: z.string() }).optional(),
});

/** How this control plane is set, as far as people who administer pipeds need it. */
export const aboutSchema = z.object({
  publicUrl: z.string(),
  gatewayAudience: z.string(),
  keyLifeSeconds: z.number(),
  enrollmentTokenLifeSeconds: z.number(),
  renewalOverlapSeconds: z.number(),
  accessTokenLifeSeconds: z.number(),
  sessionLifeSeconds: z.number(),
  /** Auth servers that follow this replica's change feed now. */
  followers: z.number().int().nonnegative(),
  revision: z.number().int().nonnegative(),
  /** The identity provider that people sign in at, if there is one. */
  signInAt: z.string().optional(),
  /** Whether traces can be asked for at `/v1/traces`. */
  traces: z.boolean(),
});

import { idSchema } from '@spanpass/credential';
import { z } from 'zod';
import { seconds } from './time.ts';
import { ROLES } from './tokens.ts';

export const signInBodySchema = z.strictObject({ token: z.string().min(1).max(512) });

/** Who is signed in, and for how long. */
export const sessionSchema = z.object({
  /** The id of the token that he acts with. */
  tokenId: z.string(),
  role: z.enum(ROLES),
  /** Absent: all. */
  projects: z.array(idSchema).optional(),
  /** Of the session; absent for a caller that shows his token each time. */
  expiresAt: seconds.optional(),
});

export type SessionView = z.infer<typeof sessionSchema>;

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
  /** Whether traces can be asked for at `/v1/traces`. */
  traces: z.boolean(),
});

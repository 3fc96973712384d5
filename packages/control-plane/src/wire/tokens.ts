import { idSchema } from '@spanpass/credential';
import { z } from 'zod';
import { seconds } from './time.ts';

/**
 * What the bearer of a token is.
 * - `owner`: may do everything
 * - `project-admin`: administers the projects that he is bound to
 * - `viewer`: reads, in all projects or in those that he is bound to
 * - `auth-server`: reads keys and changes, and reports what it saw
 */
export const ROLES = Object.freeze(['owner', 'project-admin', 'viewer', 'auth-server'] as const);

export type Role = (typeof ROLES)[number];

const DAY = 86_400;
const MAX_PROJECTS = 100;

const projects = z.array(idSchema).min(1, 'must name at least one project').max(MAX_PROJECTS);

export const createTokenBodySchema = z
  .strictObject({
    /** Who has it, for whoever reads the list. */
    name: z.string().regex(/^[\x21-\x7e][\x20-\x7e]{0,63}$/, 'must be 1 to 64 printable ASCII characters'),
    role: z.enum(ROLES),
    projects: projects.optional(),
    lifeSeconds: z
      .number()
      .int()
      .min(60)
      .max(5 * 366 * DAY)
      .default(90 * DAY),
  })
  .superRefine(({ role, projects }, context) => {
    if (role === 'project-admin' && projects === undefined) {
      context.addIssue({ code: 'custom', path: ['projects'], message: 'is required for a project admin' });
    }
    if ((role === 'owner' || role === 'auth-server') && projects !== undefined) {
      context.addIssue({ code: 'custom', path: ['projects'], message: 'is only for project admins and viewers' });
    }
  });

export type CreateToken = z.output<typeof createTokenBodySchema>;

export const TOKEN_STATES = Object.freeze(['active', 'expired', 'revoked'] as const);

export type TokenState = (typeof TOKEN_STATES)[number];

/** What is known of a token, which is not the token. */
export const accessTokenSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  role: z.enum(ROLES),
  /** Absent: it is not bound to any. */
  projects: projects.optional(),
  tokenState: z.enum(TOKEN_STATES),
  /** Given at the start, by the environment or a file. It has no end, and is replaced there. */
  settled: z.boolean(),
  createdAt: seconds,
  expiresAt: seconds.optional(),
  revokedAt: seconds.optional(),
  /** Not exact: uses are noted together, every now and then. */
  lastUsedAt: seconds.optional(),
});

export type AccessToken = z.infer<typeof accessTokenSchema>;

/** The token itself is shown only here. */
export const createdTokenSchema = accessTokenSchema.extend({ token: z.string() });

export type CreatedToken = z.infer<typeof createdTokenSchema>;

export const tokenListSchema = z.object({ items: z.array(accessTokenSchema), next: z.string().optional() });

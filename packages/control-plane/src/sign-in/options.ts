import { isLoopbackHost } from '@spanpass/credential';
import type { ClaimPath } from '@spanpass/credential/issuer';
import { z } from 'zod';
import type { Role } from '../wire/tokens.ts';

/** Sign-in of people at an OpenID Connect provider: authorization code flow with PKCE. */
export interface SignInOptions {
  /** The provider's issuer URL, to the letter. `https:`, or `http:` on loopback. */
  readonly issuer: string;
  /** What this control plane is called there. */
  readonly clientId: string;
  /** Secret. None: a public client, which PKCE alone protects. */
  readonly clientSecret?: string | undefined;
  /** How the secret is shown. Default `client_secret_basic`. */
  readonly clientAuthentication?: 'client_secret_basic' | 'client_secret_post' | undefined;
  /** What the console calls the provider, as in "Sign in with …". Default `single sign-on`. */
  readonly name?: string | undefined;
  /**
   * Where browsers reach the console, if that is not `publicUrl`. The provider is to send them back to
   * `/v1/session/oidc/callback` there.
   */
  readonly consoleUrl?: string | undefined;
  /** Default `openid`, `email`, `profile`. */
  readonly scopes?: readonly string[] | undefined;
  /** Whether claims are asked for at the user info endpoint too, where they are not in the ID token. Default false. */
  readonly userInfo?: boolean | undefined;
  /** Who may do what. At least one; whom none of them names is not let in. */
  readonly grants: readonly GrantRule[];
  /** How long a sign-in lasts, in seconds. Default 28,800 (8 h), at most 43,200. */
  readonly sessionLifeSeconds?: number | undefined;
  /** How long an answer of the provider may take, in milliseconds. Default 5000. */
  readonly timeoutMs?: number | undefined;
}

/** A role for everybody whose claim has that value. */
export interface GrantRule {
  /** Its name, or the names that lead to it. `email` counts only where the provider says that it is verified. */
  readonly claim: ClaimPath;
  /** What the claim is, or has in its list. */
  readonly value: string;
  readonly role: PersonRole;
  /** What the role is bound to. Default for a viewer and an owner: nothing. */
  readonly projects?: readonly string[] | undefined;
  /** The claim that lists these projects, instead. */
  readonly projectsClaim?: ClaimPath | undefined;
}

export type PersonRole = Exclude<Role, 'auth-server'>;

const MAX_SESSION_LIFE_SECONDS = 12 * 3600;

const idSchema = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ -');
const claimName = z.string().min(1).max(256);
const claimPathSchema = z.union([claimName, z.array(claimName).min(1).max(8)]);

const grantSchema = z
  .strictObject({
    claim: claimPathSchema,
    value: z.string().min(1).max(1024),
    role: z.enum(['owner', 'project-admin', 'viewer']),
    projects: z.array(idSchema).min(1).max(1000).optional(),
    projectsClaim: claimPathSchema.optional(),
  })
  .refine(({ projects, projectsClaim }) => projects === undefined || projectsClaim === undefined, {
    error: 'projects or projectsClaim, not both',
  })
  .refine(rule => isBound(rule) || rule.role !== 'project-admin', {
    error: 'a project-admin needs projects or projectsClaim',
  })
  .refine(rule => !isBound(rule) || rule.role !== 'owner', { error: 'an owner is bound to no projects' });

/** Whom browsers are sent to, and whose keys are believed: plaintext is for loopback only. */
const safeUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .max(2048)
  .regex(/^[^?#@]+$/, 'must hold no query, fragment or user')
  .refine(text => isSafeUrl(text), { error: 'must be https beyond loopback' });

export const signInOptionsSchema = z.strictObject({
  issuer: safeUrl,
  clientId: z.string().min(1).max(512),
  clientSecret: z.string().min(1).max(4096).optional(),
  clientAuthentication: z.enum(['client_secret_basic', 'client_secret_post']).default('client_secret_basic'),
  name: z.string().trim().min(1).max(64).default('single sign-on'),
  consoleUrl: safeUrl.transform(url => url.replace(/\/+$/, '')).optional(),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, 'must be scopes (RFC 6749 section 3.3)'))
    .max(32)
    .default(['openid', 'email', 'profile'])
    .transform(scopes => [...new Set(['openid', ...scopes])]),
  userInfo: z.boolean().default(false),
  grants: z.array(grantSchema).min(1, 'say who may do what: without a grant nobody is let in').max(500),
  sessionLifeSeconds: z.number().int().min(60).max(MAX_SESSION_LIFE_SECONDS).default(28_800),
  timeoutMs: z.number().int().min(1).max(60_000).default(5000),
});

export type SignInSettings = z.output<typeof signInOptionsSchema>;

export function isSafeUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackHost(url.hostname));
}

function isBound({ projects, projectsClaim }: Pick<GrantRule, 'projects' | 'projectsClaim'>): boolean {
  return projects !== undefined || projectsClaim !== undefined;
}

import { createHash } from 'node:crypto';
import { idSchema } from '@spanpass/credential';
import { claimAt, claimPath, textsOf } from '@spanpass/credential/issuer';
import { Refusal } from '../problems/refusal.ts';
import type { Projects } from '../tokens/token-book.ts';
import type { GrantRule, PersonRole, SignInSettings } from './options.ts';

export interface Grant {
  readonly role: PersonRole;
  readonly projects: Projects;
}

type Claims = Readonly<Record<string, unknown>>;

/** The one that may do most comes first. */
const ROLES = ['owner', 'project-admin', 'viewer'] as const;
const MAX_PROJECTS = 1000;

/**
 * What a person may do, by verified claims: the highest role that a rule gives him, for the projects of all rules that
 * give him that one.
 *
 * @throws Refusal `email_unverified` if that alone keeps him out; `role_missing` if no rule names him, or only one that
 *   leaves him no project
 */
export function grantFor(rules: readonly GrantRule[], claims: Claims): Grant {
  const named = rules.filter(rule => matches(rule, claims));
  const counted = named.filter(rule => claims.email_verified === true || !isEmail(rule));
  for (const role of ROLES) {
    const projects = union(counted.filter(rule => rule.role === role).map(rule => projectsOf(rule, claims)));
    if (projects === 'all' || projects.length > 0) return { role, projects };
  }
  if (counted.length < named.length)
    throw new Refusal('email_unverified', 'the identity provider has not verified the e-mail address');
  throw new Refusal('role_missing', 'no role here is granted to this person');
}

/** Names the provider and the rules: a session that was started by others does not count. */
export function rulesId({ issuer, clientId, grants }: SignInSettings): string {
  return createHash('sha256')
    .update(JSON.stringify([issuer, clientId, grants]))
    .digest('base64url');
}

function matches({ claim, value }: GrantRule, claims: Claims): boolean {
  const found = claimAt(claims, claimPath('claim', claim));
  return found === value || (Array.isArray(found) && found.includes(value));
}

function isEmail({ claim }: GrantRule): boolean {
  return [claim].flat().join() === 'email';
}

function projectsOf({ projects, projectsClaim }: GrantRule, claims: Claims): Projects {
  if (projectsClaim === undefined) return projects ?? 'all';
  const listed = textsOf(claimAt(claims, claimPath('projectsClaim', projectsClaim)));
  return listed.filter(project => idSchema.safeParse(project).success).slice(0, MAX_PROJECTS);
}

function union(lists: readonly Projects[]): Projects {
  if (lists.includes('all')) return 'all';
  return [...new Set(lists.flat())].slice(0, MAX_PROJECTS);
}

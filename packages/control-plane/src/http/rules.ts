import type { Role } from '../wire/tokens.ts';

/**
 * How far a role reaches on a route.
 * - `all`: whatever the project
 * - `own`: the projects that the token is bound to, which for a viewer may be all
 * - `no`: not at all
 */
export type Reach = 'all' | 'own' | 'no';

/**
 * What tells which project a call is about.
 * - `path`: `:project` in it. Others' are answered 403, whether they are there or not
 * - `key`: the key in its path. Others' are answered 404, as if they were not there
 * - `list`: none; what is listed is of the token's own projects
 * - `every`: it is about all of them at once, and not for a token that is bound to some
 * - `none`: it is about no project
 */
export type About = 'path' | 'key' | 'list' | 'every' | 'none';

/** The reach of `owner`, `project-admin`, `viewer` and `auth-server`, in this order. */
type Row = readonly [about: About, Reach, Reach, Reach, Reach];

export type Rule = { readonly about: About } & Readonly<Record<Role, Reach>>;

const READ = ['all', 'own', 'own', 'no'] as const;
const WRITE = ['all', 'own', 'no', 'no'] as const;
const OWNERS = ['all', 'no', 'no', 'no'] as const;
const PEOPLE = ['all', 'all', 'all', 'no'] as const;
const SERVERS = ['all', 'no', 'no', 'all'] as const;

const ROWS = {
  'GET /healthz': 'public',
  'GET /readyz': 'public',
  'GET /metrics': 'public',
  'GET /openapi.json': 'public',
  /** One row for all of the console's static files. */
  'GET /<console>': 'public',
  'POST /v1/enroll': 'public',
  'POST /v1/renew': 'public',
  'POST /v1/session': 'public',
  'GET /v1/sign-in': 'public',
  'GET /v1/session/oidc': 'public',
  'GET /v1/session/oidc/callback': 'public',
  'POST /oauth2/token': 'public',
  'GET /oauth2/jwks': 'public',
  'GET /.well-known/openid-configuration': 'public',
  'GET /.well-known/oauth-authorization-server': 'public',

  'GET /v1/projects': ['list', ...READ],
  'POST /v1/projects': ['none', ...OWNERS],
  'GET /v1/projects/:project': ['path', ...READ],
  'POST /v1/projects/:project/disable': ['path', ...WRITE],
  'POST /v1/projects/:project/enable': ['path', ...WRITE],

  'GET /v1/pipeds': ['list', ...READ],
  'POST /v1/projects/:project/pipeds': ['path', ...WRITE],
  'GET /v1/projects/:project/pipeds/:piped': ['path', ...READ],
  'PATCH /v1/projects/:project/pipeds/:piped': ['path', ...WRITE],
  'POST /v1/projects/:project/pipeds/:piped/disable': ['path', ...WRITE],
  'POST /v1/projects/:project/pipeds/:piped/enable': ['path', ...WRITE],
  'POST /v1/projects/:project/pipeds/:piped/enrollment-tokens': ['path', ...WRITE],

  'GET /v1/projects/:project/pipeds/:piped/keys': ['path', ...READ],
  'POST /v1/projects/:project/pipeds/:piped/keys': ['path', ...WRITE],
  'POST /v1/pipecd/imports': ['none', ...OWNERS],
  /** Hashes of secrets: for whoever has to compare with them. */
  'GET /v1/projects/:project/pipeds/:piped/pipecd-keys': ['path', 'no', 'no', 'no', 'all'],
  'POST /v1/projects/:project/pipeds/:piped/forget-pipecd-keys': ['path', ...WRITE],

  'GET /v1/keys/:kid': ['key', 'all', 'own', 'own', 'all'],
  'POST /v1/keys/:kid/revoke': ['key', ...WRITE],

  'GET /v1/audit': ['list', ...READ],
  'GET /v1/audit/head': ['every', 'all', 'no', 'own', 'all'],
  'GET /v1/audit-key': ['none', 'all', 'all', 'all', 'all'],
  'POST /v1/audit-key': ['none', ...OWNERS],

  'GET /v1/session': ['none', ...PEOPLE],
  'DELETE /v1/session': ['none', ...PEOPLE],
  'GET /v1/about': ['none', ...PEOPLE],
  'GET /v1/traces': ['list', ...READ],
  'GET /v1/traces/:traceId': ['list', ...READ],

  'GET /v1/tokens': ['none', ...OWNERS],
  'POST /v1/tokens': ['none', ...OWNERS],
  'POST /v1/tokens/:id/revoke': ['none', ...OWNERS],

  'GET /v1/changes': ['none', ...SERVERS],
  'POST /v1/snapshots': ['none', ...SERVERS],
  'GET /v1/snapshot-key': ['none', ...SERVERS],
  'POST /v1/snapshot-key': ['none', ...OWNERS],
  'POST /v1/signing-key': ['none', ...OWNERS],
  'POST /v1/reports/usage': ['none', 'no', 'no', 'no', 'all'],
} as const satisfies Record<string, 'public' | Row>;

export type RouteName = keyof typeof ROWS;

/** Who may call what, for which projects. A route without a row can't be added. */
export const RULES: Readonly<Record<RouteName, 'public' | Rule>> = Object.freeze(
  Object.fromEntries(
    Object.entries(ROWS).map(([route, row]) => [route, row === 'public' ? row : ruleOf(row)]),
  ) as Record<RouteName, 'public' | Rule>,
);

function ruleOf([about, owner, projectAdmin, viewer, authServer]: Row): Rule {
  return Object.freeze({ about, owner, 'project-admin': projectAdmin, viewer, 'auth-server': authServer });
}

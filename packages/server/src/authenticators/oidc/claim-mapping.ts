import { idSchema, SIGNALS, type Signal, scopesSchema } from '@spanpass/credential';

/** Where a claim stands: its name, or the names that lead to it through nested objects. A dot is part of a name. */
export type ClaimPath = string | readonly string[];

export interface ClaimMapping {
  /** The claim that names the project, or, where the issuer speaks for one project only, that project. Default `project`. */
  readonly project?: ClaimPath | { readonly fixed: string };
  /** The claim that names the piped. Default `sub`. */
  readonly piped?: ClaimPath;
  /**
   * The claim that lists what the piped may send: a list, or a text with spaces between (RFC 8693 section 4.2). Each
   * entry is a signal's name behind the prefix; others are not looked at. Without the claim the piped may send nothing.
   */
  readonly scopes?: { readonly claim: ClaimPath; readonly prefix?: string };
}

type Claims = Readonly<Record<string, unknown>>;

/** What verified claims say of their sender. */
export interface MappedClaims {
  readonly project: string;
  readonly piped: string;
  /** None: the token does not say. */
  readonly scopes: readonly Signal[] | undefined;
}

/**
 * Makes a reader of claims.
 *
 * @returns a function that gives nothing where project or piped is missing or no id
 * @throws TypeError if a path is empty, or the fixed project no id
 */
export function claimMapper({ project = 'project', piped = 'sub', scopes }: ClaimMapping) {
  const fixed = typeof project === 'object' && 'fixed' in project ? project.fixed : undefined;
  if (fixed !== undefined && idOf(fixed) === undefined)
    throw new TypeError('claims.project.fixed must be a project id');
  const projectPath = fixed === undefined ? pathOf('claims.project', project as ClaimPath) : [];
  const pipedPath = pathOf('claims.piped', piped);
  const scopesPath = scopes && pathOf('claims.scopes', scopes.claim);

  return (claims: Claims): MappedClaims | undefined => {
    const found = { project: fixed ?? idOf(valueAt(claims, projectPath)), piped: idOf(valueAt(claims, pipedPath)) };
    if (found.project === undefined || found.piped === undefined) return undefined;
    const granted = scopesPath && signalsOf(valueAt(claims, scopesPath), scopes?.prefix ?? '');
    return { project: found.project, piped: found.piped, scopes: granted };
  };
}

function pathOf(name: string, path: ClaimPath): readonly string[] {
  const names = typeof path === 'string' ? [path] : path;
  if (!Array.isArray(names) || names.length === 0 || names.some(part => typeof part !== 'string' || part === '')) {
    throw new TypeError(`${name} must be the name of a claim, or a list of names that lead to it`);
  }
  return names;
}

function valueAt(claims: Claims, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
      return undefined;
    value = (value as Claims)[name];
  }
  return value;
}

function idOf(value: unknown): string | undefined {
  const parsed = idSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

function signalsOf(value: unknown, prefix: string): readonly Signal[] {
  const entries = typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : [];
  return scopesSchema.parse(SIGNALS.filter(signal => entries.includes(prefix + signal)));
}

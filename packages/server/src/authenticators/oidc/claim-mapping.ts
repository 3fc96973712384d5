import { idSchema, SIGNALS, type Signal, scopesSchema } from '@spanpass/credential';
import { type ClaimPath, claimAt, claimPath, textsOf } from '@spanpass/credential/issuer';

export type { ClaimPath } from '@spanpass/credential/issuer';

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
  const projectPath = fixed === undefined ? claimPath('claims.project', project as ClaimPath) : [];
  const pipedPath = claimPath('claims.piped', piped);
  const scopesPath = scopes && claimPath('claims.scopes', scopes.claim);

  return (claims: Claims): MappedClaims | undefined => {
    const found = { project: fixed ?? idOf(claimAt(claims, projectPath)), piped: idOf(claimAt(claims, pipedPath)) };
    if (found.project === undefined || found.piped === undefined) return undefined;
    const granted = scopesPath && signalsOf(claimAt(claims, scopesPath), scopes?.prefix ?? '');
    return { project: found.project, piped: found.piped, scopes: granted };
  };
}

function idOf(value: unknown): string | undefined {
  const parsed = idSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

function signalsOf(value: unknown, prefix: string): readonly Signal[] {
  const entries = textsOf(value);
  return scopesSchema.parse(SIGNALS.filter(signal => entries.includes(prefix + signal)));
}

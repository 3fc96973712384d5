import type { Signal } from '@spanpass/credential';
import type { CheckedRequest, Principal } from '../contract.ts';
import { signalOfPath } from '../otlp-paths.ts';
import { AuthenticationError } from '../refusals.ts';

/** What became of a request, by one set of rules. */
export type Verdict = Principal | AuthenticationError;

export const AGREEMENTS = [
  /** Both allow the same piped, or refuse for the same reason. */
  'agree',
  'would_allow',
  'would_refuse',
  /** Both refuse, for different reasons. */
  'other_reason',
  /** Both allow, as different pipeds. */
  'other_identity',
  /** One of the two could not decide. */
  'undecided',
  /** The rule was not tried: too many requests were being tried already. */
  'dropped',
] as const;

/** How what a rule would do compares with what was done. */
export type Agreement = (typeof AGREEMENTS)[number];

export function compare(decided: Verdict, tried: Verdict): Agreement {
  if (isUndecided(decided) || isUndecided(tried)) return 'undecided';
  if (decided instanceof AuthenticationError) {
    if (!(tried instanceof AuthenticationError)) return 'would_allow';
    return decided.code === tried.code ? 'agree' : 'other_reason';
  }
  if (tried instanceof AuthenticationError) return 'would_refuse';
  return decided.project === tried.project && decided.piped === tried.piped ? 'agree' : 'other_identity';
}

export function isUndecided(verdict: Verdict): boolean {
  return verdict instanceof AuthenticationError && verdict.refusal.outcome === 'unavailable';
}

/** The verdict if these were the signals that everybody may send. */
export function underScopes(verdict: Verdict, scopes: readonly Signal[], { path }: CheckedRequest): Verdict {
  const signal = signalOfPath(path);
  if (signal === undefined) return verdict;
  const isInScope = scopes.includes(signal);
  if (!(verdict instanceof AuthenticationError)) {
    return isInScope ? verdict : new AuthenticationError('scope_denied', { owner: verdict });
  }
  if (verdict.code !== 'scope_denied' || !isInScope || verdict.owner === undefined) return verdict;
  return { ...verdict.owner, authenticator: verdict.authenticator ?? '', scopes, expiresAt: 0 };
}

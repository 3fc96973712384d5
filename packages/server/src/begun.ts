import { untilAborted } from './check-deadline.ts';
import type { Authenticator, AuthenticatorOutcome, AwaitOutcome, CheckedRequest } from './contract.ts';

/** The outcome of what `Authenticator.begin` began. */
export function outcomeOf(
  begun: AuthenticatorOutcome | AwaitOutcome,
): AuthenticatorOutcome | Promise<AuthenticatorOutcome> {
  return typeof begun === 'function' ? begun() : begun;
}

/** `authenticate` of an authenticator that has `begin`. */
export function authenticateBy(
  begin: (request: CheckedRequest) => AuthenticatorOutcome | AwaitOutcome,
): Authenticator['authenticate'] {
  return (request, signal) => {
    const outcome = outcomeOf(begin(request));
    return outcome instanceof Promise ? untilAborted(outcome, signal) : outcome;
  };
}

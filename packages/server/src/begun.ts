import type { AuthenticatorOutcome, AwaitOutcome } from './contract.ts';

/** The outcome of what `Authenticator.begin` began. The signal is only read where there is something to wait for. */
export function outcomeOf(
  begun: AuthenticatorOutcome | AwaitOutcome,
  waiting: { readonly signal: AbortSignal },
): AuthenticatorOutcome | Promise<AuthenticatorOutcome> {
  return typeof begun === 'function' ? begun(waiting.signal) : begun;
}

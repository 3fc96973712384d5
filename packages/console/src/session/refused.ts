/** What to do where a sign-in at the identity provider came to nothing, by the code that the control plane gives. */
const REFUSED: Readonly<Record<string, string>> = {
  sign_in_state_invalid: 'The sign-in took too long, or was begun in another window or browser. Begin it once more.',
  sign_in_issuer_mismatch:
    'The answer came from another identity provider than this console has asked. Begin anew, and tell whoever runs the control plane if it comes again.',
  sign_in_denied: 'The identity provider did not let you in, or you turned back there.',
  id_token_invalid:
    'What the identity provider said of you does not hold. Whoever runs the control plane finds the reason in its log.',
  email_unverified:
    'The identity provider has not verified your e-mail address. Have it verified there, then sign in again.',
  role_missing: 'You are known, but no role here is granted to you. Ask whoever runs the control plane for one.',
  identity_provider_unavailable:
    'The identity provider does not answer, or not as it should. Try again in a moment; a token works all the while.',
  rate_limited: 'Too many tries came from your address. Try again in a moment.',
};

/** Why the last sign-in was refused, as the address of this page says, if it does. */
export function readRefusal(): string | undefined {
  const code = new URLSearchParams(location.search).get('refused');
  if (code === null) return undefined;
  return REFUSED[code] ?? 'The sign-in failed. Whoever runs the control plane finds the reason in its log.';
}

/** So that the next look at this page does not tell of it again. */
export function forgetRefusal(): void {
  if (location.search !== '') history.replaceState(null, '', location.pathname + location.hash);
}

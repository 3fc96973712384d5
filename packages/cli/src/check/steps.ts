import type { RefusalCode } from '@spanpass/server';

/** The steps that a credential goes through, in the order in which the server takes them. */
export const STEPS = {
  credential: 'one authorization value, of a bearable size',
  authenticator: 'somebody takes it for a credential of his kind',
  form: 'a compact JWS, with a header of known members and none that could bring a key',
  purpose: 'made to be shown to a gateway (typ)',
  claims: 'all claims are there, and of the right type',
  issuer: 'iss and sub name the same piped',
  audience: 'made for this gateway (aud)',
  times: 'not too long-lived, not from the future, not over',
  key: 'the kid leads to a key',
  algorithm: "the algorithm is the key's",
  signature: 'the signature holds',
  owner: 'the claims name the owner of the key',
  'key state': 'the key is active, and its time has come and is not over',
  piped: 'the piped is enabled',
  project: 'the project is enabled',
  certificate: 'shown with the certificate that it is bound to, if any',
  path: 'telemetry is taken on this path',
  scope: 'the piped may send this signal',
} as const;

export type StepName = keyof typeof STEPS;

/** Steps of the authenticator for signed credentials; others take one. */
export const SIGNED_STEPS: readonly StepName[] = [
  'form',
  'purpose',
  'claims',
  'issuer',
  'audience',
  'times',
  'key',
  'algorithm',
  'signature',
  'owner',
  'key state',
  'piped',
  'project',
];

/** What is looked at on each request, whoever vouched for it. */
export const REQUEST_STEPS: readonly StepName[] = ['certificate', 'path', 'scope'];

/** Where each reason is found. */
export const STEP_OF: Readonly<Record<RefusalCode, StepName>> = {
  credential_missing: 'authenticator',
  credential_multiple: 'credential',
  credential_too_large: 'credential',
  request_too_large: 'credential',
  request_malformed: 'credential',
  credential_malformed: 'form',
  header_malformed: 'form',
  header_forbidden: 'form',
  kid_malformed: 'form',
  typ_mismatch: 'purpose',
  key_unknown: 'key',
  kid_mismatch: 'key',
  key_source_unavailable: 'key',
  throttled: 'key',
  algorithm_mismatch: 'algorithm',
  signature_invalid: 'signature',
  claims_malformed: 'claims',
  body_mismatch: 'claims',
  issuer_mismatch: 'issuer',
  subject_mismatch: 'owner',
  project_mismatch: 'owner',
  audience_mismatch: 'audience',
  lifetime_invalid: 'times',
  issued_in_future: 'times',
  expired: 'times',
  key_revoked: 'key state',
  key_retired: 'key state',
  key_not_yet_valid: 'key state',
  key_expired: 'key state',
  piped_disabled: 'piped',
  project_disabled: 'project',
  static_key_malformed: 'authenticator',
  static_key_invalid: 'authenticator',
  issuer_unknown: 'authenticator',
  binding_unsupported: 'authenticator',
  piped_unknown: 'authenticator',
  certificate_malformed: 'authenticator',
  certificate_untrusted: 'authenticator',
  certificate_mismatch: 'certificate',
  path_unknown: 'path',
  scope_denied: 'scope',
  overloaded: 'authenticator',
  shutting_down: 'authenticator',
  check_timeout: 'authenticator',
  internal_error: 'authenticator',
};

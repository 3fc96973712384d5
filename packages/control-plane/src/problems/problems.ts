/**
 * Every way in which a call can be refused: its HTTP status and title. The codes are stable, and the problem's `type`
 * is made of them; nobody else switches on a status.
 */
export const PROBLEMS = Object.freeze({
  malformed_request: { status: 400, title: 'The request is not well-formed HTTP' },
  malformed_json: { status: 400, title: 'The body is not JSON' },
  invalid_request: { status: 400, title: 'A member or parameter is missing or does not fit' },
  proof_invalid: { status: 400, title: 'The proof of possession does not hold' },
  unauthenticated: { status: 401, title: 'A valid bearer token is required' },
  enrollment_token_invalid: { status: 401, title: 'The enrollment token does not enroll this key' },
  renewal_credential_invalid: { status: 401, title: 'The renewal credential does not hold' },
  renewal_credential_used: { status: 401, title: 'The renewal credential was used before' },
  forbidden: { status: 403, title: 'The token does not allow this call' },
  piped_disabled: { status: 403, title: 'The piped is disabled' },
  project_disabled: { status: 403, title: 'The project is disabled' },
  not_found: { status: 404, title: 'There is nothing here' },
  project_unknown: { status: 404, title: 'No such project' },
  piped_unknown: { status: 404, title: 'No such piped' },
  token_unknown: { status: 404, title: 'No such token' },
  key_unknown: { status: 404, title: 'No such key' },
  request_timeout: { status: 408, title: 'The request took too long to arrive' },
  project_exists: { status: 409, title: 'The project is there already' },
  piped_exists: { status: 409, title: 'The piped is registered already' },
  kid_exists: { status: 409, title: 'The key is registered already' },
  too_many_keys: { status: 409, title: 'The piped has two active keys already' },
  last_key_in_use: { status: 409, title: 'It is the last key that the piped uses' },
  too_many_tokens: { status: 409, title: 'There are too many tokens already' },
  token_settled: { status: 409, title: 'The token was given at the start' },
  secret_shown_already: { status: 409, title: 'What this call made was shown once' },
  precondition_failed: { status: 412, title: 'It has changed meanwhile' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  uri_too_long: { status: 414, title: 'A part of the path is too long' },
  unsupported_media_type: { status: 415, title: 'Only application/json is understood' },
  idempotency_key_reused: { status: 422, title: 'The idempotency key belongs to another call' },
  rate_limited: { status: 429, title: 'Too many attempts' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  internal: { status: 500, title: 'Something went wrong here' },
  unavailable: { status: 503, title: 'Not available at the moment' },
} as const);

export type ProblemCode = keyof typeof PROBLEMS;

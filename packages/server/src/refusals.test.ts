import { CREDENTIAL_REFUSALS, CredentialError } from '@spanpass/credential';
import { describe, expect, it } from 'vitest';
import { AuthenticationError, REFUSALS, type RefusalCode } from './refusals.ts';

const codes = Object.keys(REFUSALS) as RefusalCode[];
const owner = { project: 'shop', piped: 'edge-1', credentialId: 'kid' };

describe('the table of refusals', () => {
  it('has a row for every reason that a credential is refused for', () => {
    expect(codes).toEqual(expect.arrayContaining(Object.keys(CREDENTIAL_REFUSALS)));
  });

  it.each(codes)('%s is answered the same way on every protocol', code => {
    const { outcome, grpcStatus, httpStatus, retryAfterSeconds, bearerError } = REFUSALS[code];
    const answers = { unauthenticated: [16, 401], denied: [7, 403], unavailable: [14, 503] };
    expect([grpcStatus, httpStatus]).toEqual(answers[outcome]);
    expect(retryAfterSeconds === undefined).toBe(outcome !== 'unavailable');
    if (outcome === 'denied') expect(bearerError).toBe('insufficient_scope');
    if (outcome === 'unavailable') expect(bearerError).toBeUndefined();
  });

  it.each(codes)('%s can be sent in a header, and names itself and its documentation', code => {
    const { message, docs } = REFUSALS[code];
    expect(message).toMatch(new RegExp(`^${code}: [\\x20-\\x21\\x23-\\x5b\\x5d-\\x7e]+$`));
    expect(docs).toBe(`reference/refusals.md#${code}`);
    expect(Object.isFrozen(REFUSALS[code])).toBe(true);
  });

  it('sends no error code to who showed no credential (RFC 6750 section 3.1)', () => {
    expect(REFUSALS.credential_missing.bearerError).toBeUndefined();
  });
});

describe('AuthenticationError', () => {
  it('names the owner only where the signature held', () => {
    expect(new AuthenticationError('piped_disabled', { owner }).owner).toEqual(owner);
    expect(new AuthenticationError('key_revoked', { owner }).owner).toEqual(owner);
    for (const code of ['signature_invalid', 'key_unknown', 'internal_error', 'kid_mismatch'] as const) {
      expect(new AuthenticationError(code, { owner }).owner).toBeUndefined();
    }
  });

  it('keeps what it is and what a CredentialError says', () => {
    const error = new AuthenticationError('throttled');
    expect(AuthenticationError.from(error)).toBe(error);
    expect(AuthenticationError.from(new CredentialError('expired'), owner)).toMatchObject({ code: 'expired', owner });
  });

  it.each([new Error('secret'), 'text', undefined, null, { code: 'expired' }])('takes %o for undecided', thrown => {
    const error = AuthenticationError.from(thrown);
    expect(error).toMatchObject({ code: 'internal_error', message: 'internal_error: the check failed', cause: thrown });
    expect(error.refusal.outcome).toBe('unavailable');
  });
});

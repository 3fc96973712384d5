import { describe, expect, it, vi } from 'vitest';
import type { Authenticator, AuthenticatorOutcome, Principal, VerifiedFacts } from './contract.ts';
import { createServer } from './create-server.ts';
import { codeOf, deferred, requestWith } from './fixture.test.support.ts';
import { AuthenticationError } from './refusals.ts';
import { allowingAuthenticator, indifferentAuthenticator, refusingAuthenticator, SOMEBODY } from './testing/doubles.ts';

interface Scripted {
  name?: string;
  restsOn?: Authenticator['restsOn'];
  authenticate: (authorization: unknown) => AuthenticatorOutcome | Promise<AuthenticatorOutcome>;
}

function scripted({ name = 'scripted', restsOn = 'authorization', authenticate }: Scripted) {
  const ask = vi.fn<Authenticator['authenticate']>(request => authenticate(request.headers.authorization));
  return { name, restsOn, authenticate: ask };
}

function authenticated(facts: Partial<VerifiedFacts> & { principal?: Principal } = {}): AuthenticatorOutcome {
  return { kind: 'authenticated', facts: { principal: SOMEBODY, stillHolds: () => true, ...facts } };
}

describe('createServer', () => {
  it('does not start without an authenticator, or with two of the same name', () => {
    expect(() => createServer({ authenticators: [] })).toThrow(TypeError);
    const twice = [indifferentAuthenticator(), indifferentAuthenticator()];
    expect(() => createServer({ authenticators: twice })).toThrow('authenticators must have different names');
  });

  it.each(['maxDecisions', 'checkTimeoutMs', 'maxPendingChecks', 'maxRememberedLength'])(
    'refuses nonsense for %s',
    name => {
      for (const value of [Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY]) {
        const options = { authenticators: [indifferentAuthenticator()], [name]: value };
        expect(() => createServer(options)).toThrow(`${name} must be a whole number`);
      }
    },
  );
});

describe('the chain of authenticators', () => {
  it('asks the next one when a credential is not mine', async () => {
    const server = createServer({ authenticators: [indifferentAuthenticator(), allowingAuthenticator()] });
    expect(await server.authenticate(requestWith('Bearer a'))).toBe(SOMEBODY);
  });

  it('ends with the first refusal', async () => {
    const server = createServer({ authenticators: [refusingAuthenticator('expired'), allowingAuthenticator()] });
    expect(await codeOf(() => server.authenticate(requestWith('Bearer a')))).toBe('expired');
  });

  it('refuses what nobody takes, for the reason of who came closest', async () => {
    const server = createServer({ authenticators: [indifferentAuthenticator()] });
    expect(await codeOf(() => server.authenticate(requestWith(undefined)))).toBe('credential_missing');
    const closest = new AuthenticationError('credential_malformed');
    const near = scripted({ authenticate: () => ({ kind: 'not-mine', closest }) });
    const withNear = createServer({ authenticators: [indifferentAuthenticator(), near] });
    expect(await codeOf(() => withNear.authenticate(requestWith('Bearer a')))).toBe('credential_malformed');
  });

  it('goes on behind an authenticator that had to wait', async () => {
    const slow = scripted({ authenticate: async () => ({ kind: 'not-mine' }) });
    const server = createServer({ authenticators: [slow, allowingAuthenticator()] });
    expect(await server.authenticate(requestWith('Bearer a'))).toBe(SOMEBODY);
  });

  it.each([
    () => {
      throw new Error('a bug');
    },
    () => Promise.reject(new Error('a bug')),
    () => Promise.reject(undefined),
  ])('takes whatever is thrown for undecided (%#)', async authenticate => {
    const server = createServer({ authenticators: [scripted({ authenticate }), allowingAuthenticator()] });
    expect(await codeOf(() => server.authenticate(requestWith('Bearer a')))).toBe('internal_error');
  });

  it('lets nobody in whose name does not fit into a header', async () => {
    for (const name of ['a\r\nb: c', '', '..', 'a b', 'ä']) {
      for (const principal of [
        { ...SOMEBODY, project: name },
        { ...SOMEBODY, piped: name },
      ]) {
        const server = createServer({ authenticators: [allowingAuthenticator(principal)] });
        expect(await codeOf(() => server.authenticate(requestWith('Bearer a')))).toBe('internal_error');
      }
    }
  });
});

describe('the judgement', () => {
  it('refuses signals out of scope, and paths that are for none', async () => {
    const principal: Principal = { ...SOMEBODY, scopes: ['metrics'] };
    const server = createServer({ authenticators: [allowingAuthenticator(principal)] });
    expect(await codeOf(() => server.authenticate(requestWith('a', { path: '/v1/metrics?x' })))).toBe('allowed');
    expect(await codeOf(() => server.authenticate(requestWith('a', { path: '/v1/traces' })))).toBe('scope_denied');
    expect(await codeOf(() => server.authenticate(requestWith('a', { path: '/metrics' })))).toBe('path_unknown');
  });

  it('demands the certificate that the credential is bound to', async () => {
    const outcome = authenticated({ certificateThumbprint: 'x' });
    const server = createServer({ authenticators: [scripted({ authenticate: () => outcome })] });
    const from = (thumbprint?: string) => {
      const certificate = thumbprint === undefined ? {} : { certificate: { principal: 'p', thumbprint } };
      return codeOf(() => server.authenticate(requestWith('a', { peer: { address: '', ...certificate } })));
    };
    expect(await from('x')).toBe('allowed');
    expect(await from('y')).toBe('certificate_mismatch');
    expect(await from('')).toBe('certificate_mismatch');
    expect(await from()).toBe('certificate_mismatch');
  });
});

describe('remembered decisions', () => {
  it('answer without a promise and without asking again', () => {
    const authenticator = scripted({ authenticate: () => authenticated() });
    const server = createServer({ authenticators: [authenticator] });
    server.authenticate(requestWith('Bearer a'));
    expect(server.authenticate(requestWith('Bearer a'))).toBe(SOMEBODY);
    expect(authenticator.authenticate).toHaveBeenCalledTimes(1);
    server.authenticate(requestWith('Bearer b'));
    expect(authenticator.authenticate).toHaveBeenCalledTimes(2);
  });

  it('are made anew for each request: path and certificate count every time', async () => {
    const principal: Principal = { ...SOMEBODY, scopes: ['traces'] };
    const server = createServer({ authenticators: [scripted({ authenticate: () => authenticated({ principal }) })] });
    await server.authenticate(requestWith('Bearer a'));
    expect(await codeOf(() => server.authenticate(requestWith('Bearer a', { path: '/v1/logs' })))).toBe('scope_denied');
    expect(await codeOf(() => server.authenticate(requestWith('Bearer a')))).toBe('allowed');
  });

  it('are not used once they do not hold', async () => {
    let holds = true;
    const authenticator = scripted({ authenticate: () => authenticated({ stillHolds: () => holds }) });
    const server = createServer({ authenticators: [authenticator] });
    await server.authenticate(requestWith('Bearer a'));
    holds = false;
    authenticator.authenticate.mockReturnValue({ kind: 'refused', error: new AuthenticationError('key_revoked') });
    expect(await codeOf(() => server.authenticate(requestWith('Bearer a')))).toBe('key_revoked');
    holds = true;
    expect(await codeOf(() => server.authenticate(requestWith('Bearer a')))).toBe('key_revoked');
  });

  it('are asked with the clock of the server, in seconds', async () => {
    const stillHolds = vi.fn(() => true);
    const authenticators = [scripted({ authenticate: () => authenticated({ stillHolds }) })];
    await createServer({ authenticators, now: () => 7500 }).authenticate(requestWith('Bearer a'));
    expect(stillHolds).toHaveBeenCalledWith(7.5);
  });

  it('never overtake an authenticator that looks at more than the header', async () => {
    const other: Principal = { ...SOMEBODY, piped: 'other' };
    const mtls = scripted({ name: 'mtls', restsOn: 'request', authenticate: () => ({ kind: 'not-mine' }) });
    const signed = scripted({ name: 'signed', authenticate: () => authenticated() });
    const server = createServer({ authenticators: [mtls, signed] });
    expect(await server.authenticate(requestWith('Bearer a'))).toBe(SOMEBODY);
    mtls.authenticate.mockReturnValueOnce(authenticated({ principal: other }));
    expect(await server.authenticate(requestWith('Bearer a'))).toBe(other);
    expect(await server.authenticate(requestWith('Bearer a'))).toBe(SOMEBODY);
    expect(signed.authenticate).toHaveBeenCalledTimes(1);
    expect(mtls.authenticate).toHaveBeenCalledTimes(3);
  });

  it('are bounded in number and in length', async () => {
    const authenticator = scripted({ authenticate: () => authenticated() });
    const server = createServer({ authenticators: [authenticator], maxDecisions: 1, maxRememberedLength: 8 });
    for (const value of ['Bearer a', 'Bearer b', 'Bearer a', 'Bearer cc', 'Bearer cc']) {
      await server.authenticate(requestWith(value));
    }
    expect(authenticator.authenticate).toHaveBeenCalledTimes(5);
  });

  it('are only of good credentials', async () => {
    const outcome: AuthenticatorOutcome = { kind: 'refused', error: new AuthenticationError('expired') };
    const authenticator = scripted({ authenticate: () => outcome });
    const server = createServer({ authenticators: [authenticator] });
    for (let time = 0; time < 3; time++) await codeOf(() => server.authenticate(requestWith('Bearer a')));
    expect(authenticator.authenticate).toHaveBeenCalledTimes(3);
  });

  it('tell an observer whether they held', async () => {
    const seen: string[] = [];
    const authenticators = [scripted({ authenticate: () => authenticated() })];
    const server = createServer({ authenticators, observer: { decisionCache: result => seen.push(result) } });
    await server.authenticate(requestWith('Bearer a'));
    await server.authenticate(requestWith('Bearer a'));
    await codeOf(() => server.authenticate(requestWith(undefined)));
    expect(seen).toEqual(['miss', 'hit']);
  });
});

describe('time and load', () => {
  it('refuse a check that takes too long, and tell the authenticator', async () => {
    let signal: AbortSignal | undefined;
    const never: Authenticator = {
      name: 'never',
      restsOn: 'request',
      authenticate: (_, given) => {
        signal = given;
        return new Promise(() => {});
      },
    };
    const server = createServer({ authenticators: [never], checkTimeoutMs: 1 });
    expect(await codeOf(() => server.authenticate(requestWith('Bearer a')))).toBe('check_timeout');
    expect(signal?.aborted).toBe(true);
  });

  it("end a check with its caller's patience", async () => {
    const patience = new AbortController();
    const server = createServer({ authenticators: [scripted({ authenticate: () => new Promise(() => {}) })] });
    const answer = codeOf(() => server.authenticate(requestWith('Bearer a'), patience.signal));
    patience.abort();
    expect(await answer).toBe('check_timeout');
    expect(await codeOf(() => server.authenticate(requestWith('Bearer b'), AbortSignal.abort()))).toBe('check_timeout');
  });

  it('refuse more checks at once than there is room for, but not those with a known answer', async () => {
    const gate = deferred<AuthenticatorOutcome>();
    const authenticator = scripted({
      authenticate: value => (value === 'Bearer known' ? authenticated() : gate.promise),
    });
    const server = createServer({ authenticators: [authenticator], maxPendingChecks: 1 });
    await server.authenticate(requestWith('Bearer known'));
    const waiting = codeOf(() => server.authenticate(requestWith('Bearer a')));
    expect(await codeOf(() => server.authenticate(requestWith('Bearer b')))).toBe('overloaded');
    expect(server.authenticate(requestWith('Bearer known'))).toBe(SOMEBODY);
    gate.resolve(authenticated());
    expect(await waiting).toBe('allowed');
    expect(await codeOf(() => server.authenticate(requestWith('Bearer b')))).toBe('allowed');
  });
});

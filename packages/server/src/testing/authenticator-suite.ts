import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { idSchema, SIGNALS } from '@spanpass/credential';
import type { Authenticator, AuthenticatorOutcome, CheckedRequest, VerifiedFacts } from '../contract.ts';
import { AuthenticationError, REFUSALS } from '../refusals.ts';
import { hostileRequests } from './hostile-requests.ts';

/** What the suite needs to know of an authenticator. */
export interface AuthenticatorUnderTest {
  readonly authenticator: Authenticator;
  /** Requests that it vouches for. At least one. */
  readonly good: readonly CheckedRequest[];
  /** Requests with a credential of its kind that it must refuse. At least one. */
  readonly bad: readonly CheckedRequest[];
  /** Requests with credentials of other kinds. */
  readonly foreign: readonly CheckedRequest[];
  /** The time that it goes by, NumericDate seconds. Default: now. */
  readonly nowSeconds?: number;
  /** Changes what the good requests rest on, so that it holds no longer: a key is revoked, a piped disabled. */
  change?(): void | Promise<void>;
  /** One whose source never answers, and a request that makes it wait for it. */
  readonly stuck?: { readonly authenticator: Authenticator; readonly request: CheckedRequest };
  dispose?(): void | Promise<void>;
}

/** The two functions of a test framework (vitest, node:test, …) that the suite calls. */
export interface TestFramework {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>): void;
}

export interface AuthenticatorSuite {
  readonly name: string;
  /** Called anew for each test. */
  create(): AuthenticatorUnderTest | Promise<AuthenticatorUnderTest>;
}

/**
 * What every authenticator must do, ours or another's, as tests of your framework.
 *
 * @example
 * authenticatorSuite({ name: 'my-authenticator', create }, { describe, it });
 */
export function authenticatorSuite({ name, create }: AuthenticatorSuite, { describe, it }: TestFramework): void {
  const test = (title: string, body: (subject: AuthenticatorUnderTest) => Promise<void>) =>
    it(title, async () => {
      const subject = await create();
      try {
        await body(subject);
      } finally {
        await subject.dispose?.();
      }
    });

  describe(`${name} is an authenticator`, () => {
    test('has a short, stable name', async ({ authenticator }) => {
      assert.match(authenticator.name, /^[a-z][a-z0-9-]{0,31}$/);
    });

    test('vouches for good requests, with ids that fit into a header', async ({ authenticator, good }) => {
      assert.ok(good.length > 0, 'the suite needs a good request');
      for (const request of good) {
        const outcome = await ask(authenticator, request);
        assert.equal(outcome.kind, 'authenticated');
        const { principal } = outcome.facts;
        assert.equal(principal.authenticator, authenticator.name);
        assert.ok(idSchema.safeParse(principal.project).success, 'project');
        assert.ok(idSchema.safeParse(principal.piped).success, 'piped');
        assert.ok(principal.expiresAt > 0);
      }
    });

    test('gives facts that nobody can change, complete, and without the credential', async ({
      authenticator,
      good,
    }) => {
      for (const request of good) {
        const facts = await vouched(authenticator, request);
        const { principal } = facts;
        for (const part of [facts, principal, principal.scopes]) assert.ok(Object.isFrozen(part), 'must be frozen');
        assert.ok(principal.scopes.every(scope => SIGNALS.includes(scope)));
        assert.notEqual(principal.credentialId, '');
        assertSecret(request, facts);
      }
    });

    test('lets facts hold until what they rest on is changed', async subject => {
      if (subject.change === undefined) return;
      const nowSeconds = subject.nowSeconds ?? Date.now() / 1000;
      const facts = await Promise.all(subject.good.map(request => vouched(subject.authenticator, request)));
      for (const each of facts) assert.equal(each.stillHolds(nowSeconds), true);
      await subject.change();
      for (const each of facts) assert.equal(each.stillHolds(nowSeconds), false);
    });

    test('answers the same to many at once', async ({ authenticator, good }) => {
      const [request] = good;
      assert.ok(request);
      const all = await Promise.all(Array.from({ length: 20 }, () => vouched(authenticator, request)));
      for (const { principal } of all) assert.deepEqual(principal, all[0]?.principal);
    });

    test('stops waiting when it is told to', async ({ stuck }) => {
      if (stuck === undefined) return;
      const controller = new AbortController();
      const reason = new AuthenticationError('check_timeout');
      const outcome = Promise.resolve(stuck.authenticator.authenticate(stuck.request, controller.signal));
      const settled = outcome.then(refusalOf, error => error);
      setImmediate(() => controller.abort(reason));
      assert.equal(await settled, reason);
    });

    test('refuses bad requests by a code', async ({ authenticator, bad }) => {
      assert.ok(bad.length > 0, 'the suite needs a bad request');
      for (const request of bad) assert.ok(refusalOf(await ask(authenticator, request)) instanceof AuthenticationError);
    });

    test('leaves requests without a credential, and of other kinds, to others', async ({ authenticator, foreign }) => {
      const none: CheckedRequest = { headers: {}, method: 'POST', path: '/v1/traces', peer: { address: '192.0.2.1' } };
      for (const request of [none, withAuthorization(none, ''), withAuthorization(none, 'Basic YTpi'), ...foreign]) {
        assert.equal((await ask(authenticator, request)).kind, 'not-mine');
      }
    });

    test('neither vouches for hostile requests nor fails on them', async ({ authenticator, good }) => {
      for (const request of good.flatMap(each => [...hostileRequests(each)])) {
        const refusal = refusalOf(await ask(authenticator, request));
        if (refusal !== undefined) assertCoded(refusal);
      }
    });

    test('keeps the credential out of its refusals', async ({ authenticator, bad }) => {
      for (const request of bad) assertSecret(request, refusalOf(await ask(authenticator, request)));
    });

    test('never vouches for two credentials at once', async ({ authenticator, good }) => {
      for (const request of good) {
        const { authorization } = request.headers;
        if (typeof authorization !== 'string') continue;
        const joined = `${authorization},${authorization}`;
        for (const twice of [[authorization, authorization], joined]) {
          const outcome = await ask(authenticator, withAuthorization(request, twice));
          assert.notEqual(outcome.kind, 'authenticated');
        }
      }
    });

    test('never vouches for a good credential that was changed anywhere', async ({ authenticator, good }) => {
      for (const request of good) {
        const { authorization } = request.headers;
        if (typeof authorization !== 'string') continue;
        const scheme = authorization.indexOf(' ') + 1;
        for (let at = scheme; at < authorization.length; at += Math.ceil(authorization.length / 64)) {
          const other = authorization[at] === 'A' ? 'B' : 'A';
          const changed = authorization.slice(0, at) + other + authorization.slice(at + 1);
          const outcome = await ask(authenticator, withAuthorization(request, changed));
          assert.notEqual(outcome.kind, 'authenticated', `character ${at} was changed`);
        }
      }
    });
  });
}

async function ask(authenticator: Authenticator, request: CheckedRequest): Promise<AuthenticatorOutcome> {
  try {
    return await authenticator.authenticate(request, AbortSignal.timeout(5000));
  } catch (error) {
    return { kind: 'refused', error: AuthenticationError.from(error) };
  }
}

async function vouched(authenticator: Authenticator, request: CheckedRequest): Promise<VerifiedFacts> {
  const outcome = await ask(authenticator, request);
  assert.equal(outcome.kind, 'authenticated');
  return outcome.facts;
}

function assertCoded(error: unknown): void {
  assert.ok(error instanceof AuthenticationError, 'must be an AuthenticationError');
  assert.ok(Object.hasOwn(REFUSALS, error.code), 'must have a code of the table');
  assert.notEqual(error.code, 'internal_error');
}

/** Fails if what is shown holds a part of the request's credential that is long enough to be its secret. */
function assertSecret({ headers: { authorization } }: CheckedRequest, shown: unknown): void {
  const text = inspect(shown, { depth: 10, maxStringLength: Number.POSITIVE_INFINITY });
  const parts = String(authorization ?? '').split(/[ ,.]/);
  for (const part of parts.filter(({ length }) => length >= 40))
    assert.ok(!text.includes(part), 'holds the credential');
}

/** The answer to a request that nobody else takes either. */
function refusalOf(outcome: AuthenticatorOutcome): AuthenticationError | undefined {
  assert.notEqual(outcome.kind, 'authenticated');
  if (outcome.kind === 'refused') return outcome.error;
  return outcome.kind === 'not-mine' ? outcome.closest : undefined;
}

function withAuthorization(request: CheckedRequest, authorization: string | readonly string[]): CheckedRequest {
  return { ...request, headers: { ...request.headers, authorization } };
}

import {
  assertPlausible,
  CLOCK_SKEW_SECONDS,
  DEFAULT_GATEWAY_AUDIENCE,
  type Expectations,
  type KeyRecord,
  PURPOSES,
  parseCredential,
  type Signal,
  type UnverifiedCredential,
  type VerifiedCredential,
  verifyCredential,
  verifyCredentialNow,
} from '@spanpass/credential';
import { bearerToken } from '../authorization.ts';
import { authenticateBy } from '../begun.ts';
import { CheckDeadline } from '../check-deadline.ts';
import type {
  Authenticator,
  AuthenticatorOutcome,
  AwaitOutcome,
  CheckedRequest,
  Owner,
  Principal,
  VerifiedFacts,
} from '../contract.ts';
import { sharedScopes } from '../keys/compact-record.ts';
import type { KeyQuestion, KeySource } from '../keys/key-source.ts';
import type { Observer } from '../observer.ts';
import { AuthenticationError } from '../refusals.ts';
import { type Verification, VerificationLanes, type VerificationLimits } from './verification-lanes.ts';

export interface PipedJwtOptions {
  readonly keys: KeySource;
  /** This gateway's id, which a credential's `aud` must equal. Default `spanpass-gateway`. */
  readonly audience?: string;
  /** Wall clock, in milliseconds. Default `Date.now`. */
  readonly now?: () => number;
  readonly observer?: Pick<Observer, 'signature'>;
  /** What forged signatures may cost. */
  readonly limits?: VerificationLimits;
}

const NAME = 'piped-jwt';
const OWN_TYPS: ReadonlySet<string> = new Set(Object.values(PURPOSES).map(({ typ }) => typ));

/** How long work is done that several checks wait for; each of them gives up when its own time is up. */
const SHARED_WORK_MS = 4000;

/** A key that changes under each of this many verifications is not waited for any longer. */
const MAX_ATTEMPTS = 3;

/**
 * Takes the credentials that pipeds sign with their own keys: `Bearer <JWS compact>` of the type `piped+jwt`. What is
 * cheap comes first: form, header, and the claims that no signature could save; then the key record by kid, then the
 * signature and all else that `verifyCredential` looks at, in its order, once for all checks that show the same
 * credential. A JWS of a foreign type, and a token that is no JWS, are not its own.
 *
 * @throws TypeError if the audience is empty
 * @example
 * const server = createServer({ authenticators: [pipedJwt({ keys })] });
 */
export function pipedJwt({
  keys,
  audience = DEFAULT_GATEWAY_AUDIENCE,
  now = Date.now,
  observer,
  limits,
}: PipedJwtOptions): Authenticator {
  if (audience === '') throw new TypeError('audience must not be empty');
  const lanes = new VerificationLanes(limits);
  const expectations = { purpose: 'gateway', audience, now } as const;
  const underWay = new Map<string, Promise<AuthenticatorOutcome>>();

  function join(shown: Shown): Promise<AuthenticatorOutcome> {
    const { token } = shown;
    let work = underWay.get(token);
    if (work === undefined) {
      work = lanes.laterTurn(() => verifyAtOnce(shown))?.then(outcome => outcome ?? verify(shown)) ?? verify(shown);
      underWay.set(token, work);
      const done = () => void underWay.delete(token);
      work.then(done, done);
    }
    return work;
  }

  /** Verifies until the record is still the current one when the verification ends. */
  async function verify(shown: Shown): Promise<AuthenticatorOutcome> {
    const { kid, address } = shown;
    const deadline = new CheckDeadline(SHARED_WORK_MS, undefined);
    const question: KeyQuestion = {
      // Only who has to look the key up takes it.
      get signal() {
        return deadline.signal;
      },
      peerAddress: address,
    };
    try {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        const record = await keys.get(kid, question);
        if (record === undefined) return refused(new AuthenticationError('key_unknown'));
        let verified: VerifiedCredential;
        try {
          verified = await lanes.run(shown, new KeyVerification(shown, record, expectations));
        } catch (thrown) {
          return refusedOf(thrown, record);
        }
        const current = keys.peek(kid);
        if (current === undefined || current === record) return authenticated(verified, record);
      }
      return refused(new AuthenticationError('key_source_unavailable'));
    } finally {
      deadline.end();
    }
  }

  /** With the record at hand, and time for it, no promise is needed. */
  function verifyAtOnce(shown: Shown): AuthenticatorOutcome | undefined {
    const record = keys.peek(shown.kid);
    if (record === undefined) return undefined;
    try {
      const verified = lanes.runNow(shown, new KeyVerification(shown, record, expectations));
      return verified && authenticated(verified, record);
    } catch (thrown) {
      return refusedOf(thrown, record);
    }
  }

  function authenticated(verified: VerifiedCredential, record: KeyRecord): AuthenticatorOutcome {
    observer?.signature?.(NAME, 'valid');
    return { kind: 'authenticated', facts: new VerifiedPiped(keys, verified, record) };
  }

  function refusedOf(thrown: unknown, record: KeyRecord): AuthenticatorOutcome {
    const error = AuthenticationError.from(thrown, ownerOf(record));
    if (error.code === 'signature_invalid') observer?.signature?.(NAME, 'invalid');
    else if (error.refusal.ownerVerified) observer?.signature?.(NAME, 'valid');
    return refused(error);
  }

  function begin(request: CheckedRequest): AuthenticatorOutcome | AwaitOutcome {
    const token = bearerToken(request);
    if (token === undefined) return { kind: 'not-mine' };
    const parsed = parse(token);
    if (parsed instanceof AuthenticationError) return { kind: 'not-mine', closest: parsed };
    const { typ } = parsed.unverifiedHeader;
    if (typ !== PURPOSES.gateway.typ) {
      const error = new AuthenticationError('typ_mismatch');
      return OWN_TYPS.has(typ) ? refused(error) : { kind: 'not-mine', closest: error };
    }
    const implausible = implausibility(parsed, expectations);
    if (implausible !== undefined) {
      // Nothing is looked up for it, but whoever reads reports wants to know whose clock or settings are wrong.
      const atHand = keys.peek(parsed.unverifiedHeader.kid);
      return refused(atHand === undefined ? implausible : implausible.naming(ownerOf(atHand)));
    }
    const shown = new Shown(token, parsed, request.peer.address);
    const atOnce = underWay.size > 0 && underWay.has(token) ? undefined : verifyAtOnce(shown);
    return atOnce ?? (() => join(shown));
  }

  return {
    name: NAME,
    restsOn: 'authorization',
    begin,
    authenticate: authenticateBy(begin),
  };
}

/** A credential, and where it came from. */
class Shown {
  readonly token: string;
  readonly parsed: UnverifiedCredential;
  readonly address: string;

  constructor(token: string, parsed: UnverifiedCredential, address: string) {
    this.token = token;
    this.parsed = parsed;
    this.address = address;
  }

  get kid(): string {
    return this.parsed.unverifiedHeader.kid;
  }
}

class KeyVerification implements Verification<VerifiedCredential> {
  readonly #shown: Shown;
  readonly #record: KeyRecord;
  readonly #expectations: Expectations;

  constructor(shown: Shown, record: KeyRecord, expectations: Expectations) {
    this.#shown = shown;
    this.#record = record;
    this.#expectations = expectations;
  }

  now(): VerifiedCredential {
    return verifyCredentialNow(this.#shown, this.#record, this.#expectations);
  }

  onThread(): Promise<VerifiedCredential> {
    return verifyCredential(this.#shown, this.#record, this.#expectations);
  }

  isForged(thrown: unknown): boolean {
    return AuthenticationError.from(thrown).code === 'signature_invalid';
  }
}

/**
 * A piped, and what was verified of it, in one object: one is kept for each credential that is remembered, so it holds little,
 * and no function.
 */
class VerifiedPiped implements Principal, VerifiedFacts {
  readonly project: string;
  readonly piped: string;
  readonly credentialId: string;
  readonly authenticator = NAME;
  readonly scopes: readonly Signal[];
  readonly expiresAt: number;
  readonly #keys: KeySource;
  readonly #record: KeyRecord;
  readonly #validFrom: number;
  readonly #certificateThumbprint: string | undefined;

  constructor(keys: KeySource, { claims, expiresAt }: VerifiedCredential, record: KeyRecord) {
    this.project = record.project;
    this.piped = record.piped;
    this.credentialId = record.kid;
    this.scopes = Object.isFrozen(record.scopes) ? record.scopes : sharedScopes(record.scopes);
    this.expiresAt = Math.min(record.notAfter, expiresAt);
    this.#keys = keys;
    this.#record = record;
    this.#validFrom = Math.max(record.notBefore, Math.max(claims.iat, claims.nbf ?? claims.iat) - CLOCK_SKEW_SECONDS);
    this.#certificateThumbprint = claims.cnf?.['x5t#S256'];
    Object.freeze(this);
  }

  get principal(): Principal {
    return this;
  }

  get certificateThumbprint(): string | undefined {
    return this.#certificateThumbprint;
  }

  stillHolds(nowSeconds: number): boolean {
    const record = this.#record;
    return (
      this.#keys.peek(record.kid) === record &&
      record.keyStatus === 'active' &&
      record.pipedStatus === 'active' &&
      record.projectStatus === 'active' &&
      nowSeconds >= this.#validFrom &&
      nowSeconds < this.expiresAt
    );
  }
}

function parse(token: string): UnverifiedCredential | AuthenticationError {
  if (token.includes(',')) return new AuthenticationError('credential_multiple');
  try {
    return parseCredential(token);
  } catch (error) {
    return AuthenticationError.from(error);
  }
}

function implausibility(
  parsed: UnverifiedCredential,
  expectations: Parameters<typeof assertPlausible>[1],
): AuthenticationError | undefined {
  try {
    assertPlausible(parsed, expectations);
    return undefined;
  } catch (error) {
    return AuthenticationError.from(error);
  }
}

/** One object per record, so that an encoded answer can be kept for it. */
const owners = new WeakMap<KeyRecord, Owner>();

function ownerOf(record: KeyRecord): Owner {
  let owner = owners.get(record);
  if (owner === undefined) {
    owner = Object.freeze({ project: record.project, piped: record.piped, credentialId: record.kid });
    owners.set(record, owner);
  }
  return owner;
}

function refused(error: AuthenticationError): AuthenticatorOutcome {
  return { kind: 'refused', error };
}

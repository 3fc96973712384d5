import { createHash } from 'node:crypto';
import { NEVER } from '@spanpass/credential';
import { bearerToken } from '../authorization.ts';
import { authenticateBy } from '../begun.ts';
import type { Authenticator, AuthenticatorOutcome, AwaitOutcome, CheckedRequest, VerifiedFacts } from '../contract.ts';
import { createSteadyClock } from '../keys/steady-clock.ts';
import { TokenBuckets } from '../keys/token-buckets.ts';
import { wholeNumber } from '../options.ts';
import { AuthenticationError } from '../refusals.ts';
import { type Compare, KeyComparer } from './pipecd/key-comparer.ts';
import { type Fingerprint, KeyMemory } from './pipecd/key-memory.ts';
import { isBcryptHash, MAX_KEYS, type PipecdRecord } from './pipecd/record.ts';
import { isStaticKey, parseStaticKey, type StaticKey } from './pipecd/token.ts';
import { findPiped, inactivity, isActive, type PipedSource } from './piped-source.ts';

export interface PipecdKeyOptions {
  readonly pipeds: PipedSource<PipecdRecord>;
  /** Keys compared at the same time. Default 2: bcrypt shares Node's four worker threads with all other cryptography. */
  readonly maxRunning?: number;
  /** Keys that may wait to be compared. Default 64; a further one is refused as `overloaded`. */
  readonly maxWaiting?: number;
  /** Verified keys to remember. Default 10,000; have it above the number of pipeds. */
  readonly maxVerified?: number;
  /** Wrong keys to remember. Default 10,000. */
  readonly maxWrong?: number;
  /** How long a wrong key is remembered, in milliseconds. Default 300,000; a piped's new key counts at once all the same. */
  readonly wrongTtlMs?: number;
  /** Wrong keys that an address (IPv6: a /64) may try in a row, and then each second. Default 20 and 1. */
  readonly wrongBurst?: number;
  readonly wrongPerSecond?: number;
  /** Addresses whose tries are counted. Default 10,000. */
  readonly maxAddresses?: number;
  /** How long a look-up in `pipeds` may take, in milliseconds. Default 2000. */
  readonly lookupTimeoutMs?: number;
  /** Steady clock, in milliseconds. */
  readonly clock?: () => number;
  /** Default bcrypt's, on a worker thread. */
  readonly compare?: Compare;
}

const NAME = 'pipecd-key';

/** A record that changes under each of this many comparisons is not waited for any longer. */
const MAX_ATTEMPTS = 3;

/**
 * Takes PipeCD's own credential, `Bearer project,piped,key`, so that a fleet can move without a flag day. The key is
 * compared with the piped's bcrypt hashes once; from then on an HMAC of the credential stands for it, for as long as
 * its hash is the piped's. It never ends by itself, and whoever sees it can use it: replace it with a signed one.
 *
 * A wrong key and a piped that does not exist are one refusal, `static_key_invalid`, after the same number of
 * comparisons at PipeCD's cost; that a piped or its project is disabled is told only to who holds its key. Tries that
 * fail are counted by network address (`throttled`), and none waits beyond the queue (`overloaded`). A check that gave
 * up waiting leaves the comparison running: the next one finds its result.
 *
 * @throws TypeError if a bound is not a whole number
 * @example
 * const pipeds = pipecdFile({ path: '/etc/spanpass/pipeds.json' });
 * await pipeds.start();
 * const server = createServer({ authenticators: [pipedJwt({ keys }), pipecdKey({ pipeds })] });
 */
export function pipecdKey(options: PipecdKeyOptions): Authenticator {
  const { pipeds, clock = createSteadyClock() } = options;
  const maxRunning = options.maxRunning ?? 2;
  const maxWaiting = options.maxWaiting ?? 64;
  const lookupTimeoutMs = wholeNumber('lookupTimeoutMs', options.lookupTimeoutMs ?? 2000);
  const comparer = new KeyComparer({ maxRunning, maxWaiting, ...(options.compare && { compare: options.compare }) });
  const memory = new KeyMemory({
    maxVerified: options.maxVerified ?? 10_000,
    maxWrong: options.maxWrong ?? 10_000,
    wrongTtlMs: options.wrongTtlMs ?? 300_000,
    clock,
  });
  const tries = new TokenBuckets({
    burst: options.wrongBurst ?? 20,
    perSecond: options.wrongPerSecond ?? 1,
    maxAddresses: options.maxAddresses ?? 10_000,
    clock,
  });
  const underWay = new Map<Fingerprint, Promise<AuthenticatorOutcome>>();
  const facts = new WeakMap<PipecdRecord, Map<string, VerifiedFacts>>();

  /** What was found out about the credential before, if that can be told from this record. */
  function remembered(fingerprint: Fingerprint, record: PipecdRecord | undefined): AuthenticatorOutcome | undefined {
    const hashes = record?.hashes ?? [];
    const hash = memory.verified(fingerprint, hashes);
    if (record !== undefined && hash !== undefined) return decide(record, hash);
    return memory.isWrong(fingerprint, hashes) ? refused(new AuthenticationError('static_key_invalid')) : undefined;
  }

  function decide(record: PipecdRecord, hash: string): AuthenticatorOutcome {
    const known = factsOf(record, hash);
    const error = inactivity(record, known.principal);
    return error ? refused(error) : { kind: 'authenticated', facts: known };
  }

  /** One object per record and key, so that an encoded answer can be kept for it. */
  function factsOf(record: PipecdRecord, hash: string): VerifiedFacts {
    const ofRecord = facts.get(record) ?? new Map<string, VerifiedFacts>();
    facts.set(record, ofRecord);
    const known = ofRecord.get(hash) ?? createFacts(record, hash);
    ofRecord.set(hash, known);
    return known;
  }

  function createFacts(record: PipecdRecord, hash: string): VerifiedFacts {
    const { project, piped } = record;
    return Object.freeze({
      principal: Object.freeze({
        project,
        piped,
        credentialId: keyIdOf(hash),
        authenticator: NAME,
        scopes: Object.freeze([...record.scopes]),
        expiresAt: NEVER,
      }),
      stillHolds: () => pipeds.peek(project, piped) === record && isActive(record),
    });
  }

  async function establish(fingerprint: Fingerprint, shown: StaticKey, address: string): Promise<AuthenticatorOutcome> {
    if (underWay.size >= maxRunning + maxWaiting) throw new AuthenticationError('overloaded');
    if (!tries.take(address)) throw new AuthenticationError('throttled');
    let wrong = false;
    try {
      for (let attempt = 0; attempt <= MAX_ATTEMPTS; attempt++) {
        const record = await lookup(shown);
        const outcome = remembered(fingerprint, record);
        if (outcome !== undefined) return outcome;
        if (attempt === MAX_ATTEMPTS) break;
        const hashes = record?.hashes ?? [];
        const match = await comparer.match(shown.key, hashes);
        memory.remember(fingerprint, hashes, match);
        wrong = match === undefined;
      }
    } finally {
      if (!wrong) tries.giveBack(address);
    }
    throw new AuthenticationError('key_source_unavailable');
  }

  async function lookup(shown: StaticKey): Promise<PipecdRecord | undefined> {
    const record = await findPiped(pipeds, shown, lookupTimeoutMs);
    if (record === undefined || (record.hashes.length <= MAX_KEYS && record.hashes.every(isBcryptHash))) return record;
    throw new AuthenticationError('key_source_unavailable', { cause: new TypeError('not bcrypt hashes, or too many') });
  }

  /** One comparison per credential, however many wait for it. */
  function join(fingerprint: Fingerprint, shown: StaticKey, address: string): Promise<AuthenticatorOutcome> {
    const known = underWay.get(fingerprint);
    if (known !== undefined) return known;
    const work = establish(fingerprint, shown, address)
      .catch(error => refused(AuthenticationError.from(error)))
      .finally(() => underWay.delete(fingerprint));
    underWay.set(fingerprint, work);
    return work;
  }

  function begin(request: CheckedRequest): AuthenticatorOutcome | AwaitOutcome {
    const token = bearerToken(request);
    if (token === undefined || !isStaticKey(token)) return { kind: 'not-mine' };
    const shown = parseStaticKey(token);
    if (shown === undefined) return refused(new AuthenticationError('static_key_malformed'));
    const fingerprint = memory.fingerprint(token);
    const record = pipeds.peek(shown.project, shown.piped);
    const outcome = record && remembered(fingerprint, record);
    return outcome ?? (() => join(fingerprint, shown, request.peer.address));
  }

  return {
    name: NAME,
    // Not on the header alone, though it could: then the credential itself would be kept as a key of the decisions.
    restsOn: 'request',
    queue: () => comparer.depth,
    begin,
    authenticate: authenticateBy(begin),
  };
}

/** Names a key without being one: SHA-256 of its salted hash, base64url. */
function keyIdOf(hash: string): string {
  return createHash('sha256').update(hash).digest('base64url');
}

function refused(error: AuthenticationError): AuthenticatorOutcome {
  return { kind: 'refused', error };
}

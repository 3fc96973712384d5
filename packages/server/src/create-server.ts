import { isId } from '@spanpass/credential';
import { LRUCache } from 'lru-cache';
import { soleAuthorization } from './authorization.ts';
import { AuthorizationAtHand } from './authorization-at-hand.ts';
import { outcomeOf } from './begun.ts';
import { CheckDeadline } from './check-deadline.ts';
import type {
  Authenticator,
  AuthenticatorOutcome,
  CheckedRequest,
  Principal,
  Server,
  VerifiedFacts,
} from './contract.ts';
import { judge } from './judge.ts';
import type { Observer } from './observer.ts';
import { wholeNumber } from './options.ts';
import { AuthenticationError } from './refusals.ts';
import { type ShadowRule, withShadow } from './shadow/shadow-rule.ts';

export interface ServerOptions {
  /** Asked in this order. None at all is a mistake: nobody could be let in. */
  readonly authenticators: readonly Authenticator[];
  /** Verified decisions to remember. Default 10,000; each is bound by `maxRememberedLength`. */
  readonly maxDecisions?: number;
  /** The longest authorization value to remember, in characters. Default 4096; longer ones are verified each time. */
  readonly maxRememberedLength?: number;
  /** How long a check may take, in milliseconds. Default 4000; then it is refused as `check_timeout`. */
  readonly checkTimeoutMs?: number;
  /**
   * Checks that may wait at the same time. Default 8192, as many as an Envoy with the generated configuration asks about
   * at once; a further one is refused as `overloaded`.
   */
  readonly maxPendingChecks?: number;
  /** Wall clock, in milliseconds. Default `Date.now`. */
  readonly now?: () => number;
  readonly observer?: Observer;
  /** A rule to try beside the deciding ones. It changes no answer. */
  readonly shadow?: ShadowRule;
}

/** A server that can say how busy it is. */
export interface CheckingServer extends Server {
  /** Checks that wait for an authenticator. */
  readonly waitingChecks: number;
  /** Verified decisions at hand. */
  readonly rememberedDecisions: number;
  /** The authenticators that keep a queue of their own. */
  readonly queues: readonly QueueDepth[];
}

export interface QueueDepth {
  readonly authenticator: string;
  readonly running: number;
  readonly waiting: number;
}

/** A verified decision, and the place of who verified it. */
interface Remembered {
  readonly at: number;
  readonly facts: VerifiedFacts;
}

/** One request on its way through the authenticators. */
interface Check {
  readonly request: CheckedRequest;
  readonly authorization: string | undefined;
  readonly deadline: CheckDeadline;
  remembered: Remembered | undefined;
  closest: AuthenticationError | undefined;
}

/**
 * Makes a server of a chain of authenticators. It asks each in turn until one takes the request for its own, then
 * judges what was verified against this request: the client certificate, where the credential is bound to one, and
 * whether the principal may send the signal that the path is for.
 *
 * Facts that rest on the authorization value alone are remembered under exactly that value and checked again on each
 * hit; a verdict never is. So a remembered answer is the one that verifying anew would give, without a promise.
 *
 * @throws TypeError if there is no authenticator, two share a name, or a bound is not a whole number
 * @example
 * const server = createServer({ authenticators: [pipedJwt({ keys })] });
 * const { project } = await server.authenticate({ headers, method, path, peer: { address } });
 */
export function createServer(options: ServerOptions): CheckingServer {
  const { now = Date.now, observer } = options;
  const authenticators = [...options.authenticators];
  if (authenticators.length === 0) throw new TypeError('authenticators must not be empty: nobody could be let in');
  if (new Set(authenticators.map(({ name }) => name)).size !== authenticators.length) {
    throw new TypeError('authenticators must have different names');
  }
  const maxRememberedLength = wholeNumber('maxRememberedLength', options.maxRememberedLength ?? 4096, 0);
  const checkTimeoutMs = wholeNumber('checkTimeoutMs', options.checkTimeoutMs ?? 4000);
  const maxPendingChecks = wholeNumber('maxPendingChecks', options.maxPendingChecks ?? 8192);
  const decisions = new LRUCache<string, Remembered>({
    max: wholeNumber('maxDecisions', options.maxDecisions ?? 10_000),
  });
  let pendingChecks = 0;

  /** Goes on with the authenticator at `from`; answers without a promise as long as nobody needs one. */
  function search(check: Check, from: number): Principal | Promise<Principal> {
    for (let at = from; ; at++) {
      const authenticator = authenticators[at];
      if (authenticator === undefined) throw check.closest ?? new AuthenticationError('credential_missing');
      const { remembered } = check;
      if (remembered !== undefined && authenticator.restsOn === 'authorization') {
        if (at < remembered.at) continue;
        const holds = remembered.facts.stillHolds(now() / 1000);
        observer?.decisionCache?.(holds ? 'hit' : 'miss');
        if (holds) return judge(remembered.facts, check.request);
        decisions.delete(check.authorization as string);
        check.remembered = undefined;
      }
      if (pendingChecks >= maxPendingChecks) throw new AuthenticationError('overloaded');
      const outcome = ask(authenticator, check);
      if (outcome instanceof Promise) return wait(check, at, outcome);
      const principal = settle(check, at, outcome);
      if (principal !== undefined) return principal;
    }
  }

  function ask(authenticator: Authenticator, { request, deadline }: Check) {
    try {
      const begun = authenticator.begin?.(request);
      if (begun === undefined) return authenticator.authenticate(request, deadline.signal);
      return outcomeOf(begun);
    } catch (error) {
      throw AuthenticationError.from(error).by(authenticator.name);
    }
  }

  async function wait(check: Check, at: number, outcome: Promise<AuthenticatorOutcome>): Promise<Principal> {
    pendingChecks++;
    try {
      const settled = await check.deadline.bound(outcome).catch(error => {
        throw AuthenticationError.from(error).by(nameOf(at));
      });
      return settle(check, at, settled) ?? (await search(check, at + 1));
    } finally {
      pendingChecks--;
    }
  }

  function nameOf(at: number): string {
    return authenticators[at]?.name ?? '';
  }

  /** The principal, if the outcome ends the search with one. */
  function settle(check: Check, at: number, outcome: AuthenticatorOutcome): Principal | undefined {
    if (outcome.kind === 'not-mine') {
      check.closest ??= outcome.closest;
      return undefined;
    }
    if (outcome.signature !== undefined) observer?.signature?.(nameOf(at), outcome.signature);
    if (outcome.kind === 'refused') throw outcome.error.by(nameOf(at));
    assertNameable(outcome.facts.principal);
    remember(check, at, outcome.facts);
    return judge(outcome.facts, check.request);
  }

  function remember({ request, authorization }: Check, at: number, facts: VerifiedFacts): void {
    if (authorization === undefined || authorization.length > maxRememberedLength) return;
    if (authenticators[at]?.restsOn !== 'authorization') return;
    if (!facts.stillHolds(now() / 1000)) return;
    // A piece of a message would keep all of it in memory.
    const own = request instanceof AuthorizationAtHand ? authorization : Buffer.from(authorization).toString();
    if (own === authorization) decisions.set(own, { at, facts });
  }

  const deciding: Server = {
    authenticate(request, signal) {
      const deadline = new CheckDeadline(checkTimeoutMs, signal);
      let answer: Principal | Promise<Principal> | undefined;
      try {
        const authorization = soleAuthorization(request);
        const remembered = authorization === undefined ? undefined : decisions.get(authorization);
        if (remembered === undefined && authorization !== undefined) observer?.decisionCache?.('miss');
        answer = search({ request, authorization, deadline, remembered, closest: undefined }, 0);
      } catch (error) {
        throw AuthenticationError.from(error);
      } finally {
        if (!(answer instanceof Promise)) deadline.end();
      }
      return answer instanceof Promise ? settled(answer, deadline) : answer;
    },
  };
  const answering = options.shadow ? shadowed(deciding, options.shadow, options) : deciding;

  return {
    get waitingChecks() {
      return pendingChecks;
    },
    get rememberedDecisions() {
      return decisions.size;
    },
    get queues() {
      return authenticators.flatMap(({ name, queue }) => (queue ? [{ authenticator: name, ...queue() }] : []));
    },
    authenticate: answering.authenticate,
  };
}

/** The rule's own chain has its own memory, and tells nobody of what it does but how it compares. */
function shadowed(deciding: Server, shadow: ShadowRule, options: ServerOptions): Server {
  const { authenticators } = shadow;
  const { observer, shadow: _, ...bounds } = options;
  const chain = authenticators && createServer({ ...bounds, authenticators });
  return withShadow(deciding, shadow, chain, result => observer?.shadow?.(result));
}

/** Ids end up in headers, and an authenticator is not always ours. */
function assertNameable({ project, piped, authenticator }: Principal): void {
  if (isId(project) && isId(piped)) return;
  throw new TypeError(`${authenticator} named a project or piped that is not 1 to 64 of A-Z a-z 0-9 . _ -`);
}

async function settled(answer: Promise<Principal>, deadline: CheckDeadline): Promise<Principal> {
  try {
    return await answer;
  } catch (error) {
    throw AuthenticationError.from(error);
  } finally {
    deadline.end();
  }
}

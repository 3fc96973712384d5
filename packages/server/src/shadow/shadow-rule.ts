import type { Signal } from '@spanpass/credential';
import type { Authenticator, CheckedRequest, Owner, Server } from '../contract.ts';
import { wholeNumber } from '../options.ts';
import { AuthenticationError, type RefusalCode } from '../refusals.ts';
import { type Agreement, compare, isUndecided, underScopes, type Verdict } from './agreement.ts';

/** A rule to try beside the deciding ones. At least one of `authenticators` and `scopes`. */
export interface ShadowRule {
  /** What metrics and logs call it: 1 to 32 of a-z 0-9 -. */
  readonly rule: string;
  /** The chain to try. Default: what the deciding one found. Give it authenticators of its own, not the deciding ones. */
  readonly authenticators?: readonly Authenticator[];
  /** The signals that everybody may send under the rule. Default: whatever the piped's record says. */
  readonly scopes?: readonly Signal[];
  /** Requests being tried at the same time. Default 64; a further one is only counted, as `dropped`. */
  readonly maxRunning?: number;
}

/** What trying the rule on one request showed. */
export interface ShadowResult {
  readonly rule: string;
  readonly agreement: Agreement;
  /** What was done. */
  readonly decided: 'allowed' | RefusalCode;
  /** What the rule would have done; absent if it was not tried. */
  readonly tried?: 'allowed' | RefusalCode;
  /** Whose request it was, where the deciding rules verified that. */
  readonly owner?: Owner;
  /** Whose the rule takes it for, where it verified that. */
  readonly triedOwner?: Owner;
}

const RULE = /^[a-z][a-z0-9-]{0,31}$/;

/**
 * Tries a rule on each request after the deciding server answered it, and reports how the two compare. The answer is the
 * deciding server's own in each case: it neither waits for the rule nor depends on it. What is still being tried when
 * `maxRunning` is reached makes further requests go untried, and a rule that hangs is given up after the check's time.
 *
 * @param tryChain asks the rule's own chain, if it has one
 * @param reportTo whatever it throws is lost
 * @throws TypeError if the rule has no usable name, or nothing to try
 */
export function withShadow(
  deciding: Server,
  shadow: ShadowRule,
  tryChain: Server | undefined,
  reportTo: (result: ShadowResult) => void,
): Server {
  const { rule, scopes } = shadow;
  if (!RULE.test(rule)) throw new TypeError('shadow.rule must be 1 to 32 of a-z 0-9 -, a letter first');
  if (tryChain === undefined && scopes === undefined) {
    throw new TypeError('shadow needs authenticators or scopes: there is nothing to try');
  }
  const maxRunning = wholeNumber('shadow.maxRunning', shadow.maxRunning ?? 64);
  let running = 0;

  function report(result: ShadowResult): void {
    try {
      reportTo(result);
    } catch {
      // Whoever counts or logs it may fail; the answer may not.
    }
  }

  function observe(request: CheckedRequest, decided: Verdict): void {
    if (tryChain === undefined) tell(decided, inScopes(request, decided));
    // A server that can't decide has no time to try things.
    else if (isUndecided(decided)) tell(decided, decided);
    else if (running >= maxRunning) report({ rule, agreement: 'dropped', ...described(decided) });
    else {
      running++;
      // The answer goes out first.
      setImmediate(() => void attempt(tryChain, request, decided));
    }
  }

  async function attempt(chain: Server, request: CheckedRequest, decided: Verdict): Promise<void> {
    const tried = await verdictOf(chain, request);
    running--;
    tell(decided, inScopes(request, tried));
  }

  function inScopes(request: CheckedRequest, verdict: Verdict): Verdict {
    return scopes === undefined ? verdict : underScopes(verdict, scopes, request);
  }

  function tell(decided: Verdict, tried: Verdict): void {
    const { decided: triedAs, owner: triedOwner } = described(tried);
    const agreement = compare(decided, tried);
    report({ rule, agreement, ...described(decided), tried: triedAs, ...(triedOwner && { triedOwner }) });
  }

  return {
    authenticate(request, signal) {
      const answer = answerOf(deciding, request, signal);
      if (answer instanceof Promise) {
        answer.then(
          principal => observe(request, principal),
          error => observe(request, AuthenticationError.from(error)),
        );
        return answer;
      }
      observe(request, answer);
      if (answer instanceof AuthenticationError) throw answer;
      return answer;
    },
  };
}

function answerOf(server: Server, ...question: Parameters<Server['authenticate']>) {
  try {
    return server.authenticate(...question);
  } catch (error) {
    return AuthenticationError.from(error);
  }
}

async function verdictOf(server: Server, request: CheckedRequest): Promise<Verdict> {
  try {
    return await server.authenticate(request);
  } catch (error) {
    return AuthenticationError.from(error);
  }
}

function described(verdict: Verdict): Pick<ShadowResult, 'decided' | 'owner'> {
  if (!(verdict instanceof AuthenticationError)) return { decided: 'allowed', owner: verdict };
  return { decided: verdict.code, ...(verdict.owner && { owner: verdict.owner }) };
}

import { withForwardedCertificates } from '../authenticators/mtls/forwarded-certificate.ts';
import { pipedJwt } from '../authenticators/piped-jwt.ts';
import type { Authenticator, Server } from '../contract.ts';
import { type CheckingServer, createServer } from '../create-server.ts';
import type { KeySource } from '../keys/key-source.ts';
import type { Observer } from '../observer.ts';
import { keysAtHand } from '../shadow/keys-at-hand.ts';
import type { ShadowRule } from '../shadow/shadow-rule.ts';
import type { AuthServerRules, Chain, ShadowRules } from './options.ts';

/** What answers by one set of rules. */
export interface RulesServer extends Server {
  /** How busy it is. */
  readonly load: Omit<CheckingServer, 'authenticate'>;
}

/**
 * The chain of authenticators that was chosen, with decisions of its own to remember, behind whatever forwards
 * certificates to it.
 *
 * @throws TypeError for rules that can't be meant
 */
export function serverOf(rules: AuthServerRules, parts: RulesParts): RulesServer {
  const { keys, observer, pipecd, maxDecisions, verificationThreads: threads } = parts;
  const { authenticators = ['piped-jwt'], gatewayAudience, forwardedCertificates, shadow } = rules;
  const server = createServer({
    authenticators: chainOf(authenticators, {
      keys,
      audience: gatewayAudience,
      observer,
      pipecd: pipecd.deciding,
      threads,
    }),
    observer,
    ...(maxDecisions !== undefined && { maxDecisions }),
    ...(shadow && { shadow: shadowOf(shadow, rules, { keys, pipecd, threads }) }),
  });
  const { authenticate } = forwardedCertificates ? withForwardedCertificates(server, forwardedCertificates) : server;
  return { authenticate, load: server };
}

/** What stays the same whatever the rules become. */
interface RulesParts {
  readonly keys: KeySource;
  readonly observer: Observer;
  readonly pipecd: PipecdAuthenticators;
  readonly maxDecisions?: number | undefined;
  readonly verificationThreads?: boolean | undefined;
}

/** For PipeCD's keys out of the control plane. What each compared once it knows, whatever the rules become. */
export interface PipecdAuthenticators {
  readonly deciding: Authenticator;
  readonly tried: Authenticator;
}

interface ChainParts {
  readonly keys: KeySource;
  readonly audience: string | undefined;
  readonly observer?: Observer;
  readonly pipecd: Authenticator;
  readonly threads: boolean | undefined;
}

function chainOf(chain: Chain, { keys, audience, observer, pipecd, threads }: ChainParts): Authenticator[] {
  const options = {
    keys,
    ...(audience !== undefined && { audience }),
    ...(observer && { observer }),
    ...(threads !== undefined && { limits: { threads } }),
  };
  return chain.map(one => {
    if (one === 'piped-jwt') return pipedJwt(options);
    return one === 'pipecd-key' ? pipecd : one;
  });
}

/** Where the deciding chain looked the key up already, the tried one must not ask again, or be counted as asking. */
function shadowOf(
  shadow: ShadowRules,
  rules: AuthServerRules,
  { keys, pipecd, threads }: Pick<ChainParts, 'keys' | 'threads'> & { readonly pipecd: PipecdAuthenticators },
): ShadowRule {
  const { authenticators, gatewayAudience, ...rule } = shadow;
  if (authenticators === undefined) {
    if (gatewayAudience !== undefined) throw new TypeError('shadow.gatewayAudience needs shadow.authenticators');
    return rule;
  }
  const isLookedUp = (rules.authenticators ?? ['piped-jwt']).includes('piped-jwt');
  const audience = gatewayAudience ?? rules.gatewayAudience;
  const parts = { keys: isLookedUp ? keysAtHand(keys) : keys, audience, pipecd: pipecd.tried, threads };
  return { ...rule, authenticators: chainOf(authenticators, parts) };
}

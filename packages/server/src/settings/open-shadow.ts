import type { ShadowRules } from '../auth-server/options.ts';
import type { AuthenticatorsSettings, ShadowSettings } from './index.ts';
import { openAuthenticators } from './open-authenticators.ts';

export interface OpenShadow extends AsyncDisposable {
  /** For `startAuthServer({ shadow })`. */
  readonly shadow: ShadowRules;
}

/**
 * Makes the rule that the settings want tried, with authenticators of its own: those of the deciding chain where only
 * another audience is tried. Dispose it after the server.
 *
 * @param deciding the settings of the chain that decides
 * @param onError as for `openAuthenticators`
 * @throws TypeError `shadow.authenticators.<place>: …` for the member that can't be made
 */
export async function openShadow(
  { authenticators, gatewayAudience, scopes, rule, maxRunning }: ShadowSettings,
  deciding: AuthenticatorsSettings,
  onError: (error: Error) => void,
): Promise<OpenShadow> {
  const chain = authenticators ?? (gatewayAudience === undefined ? undefined : deciding);
  const opened = chain && (await open(chain, onError));
  return {
    shadow: {
      rule,
      ...(opened && { authenticators: opened.authenticators }),
      ...(gatewayAudience !== undefined && { gatewayAudience }),
      ...(scopes && { scopes }),
      ...(maxRunning !== undefined && { maxRunning }),
    },
    [Symbol.asyncDispose]: async () => opened?.[Symbol.asyncDispose](),
  };
}

async function open(chain: AuthenticatorsSettings, onError: (error: Error) => void) {
  try {
    return await openAuthenticators(chain, onError);
  } catch (error) {
    if (error instanceof TypeError) throw new TypeError(`shadow.${error.message}`, { cause: error });
    throw error;
  }
}

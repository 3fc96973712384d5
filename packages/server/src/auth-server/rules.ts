import { withForwardedCertificates } from '../authenticators/mtls/forwarded-certificate.ts';
import { pipedJwt } from '../authenticators/piped-jwt.ts';
import type { Server } from '../contract.ts';
import { createServer } from '../create-server.ts';
import type { KeySource } from '../keys/key-source.ts';
import type { Observer } from '../observer.ts';
import type { AuthServerRules } from './options.ts';

/**
 * The chain of authenticators that was chosen, with decisions of its own to remember, behind whatever forwards
 * certificates to it.
 *
 * @throws TypeError for rules that can't be meant
 */
export function serverOf(rules: AuthServerRules, keys: KeySource, observer: Observer): Server {
  const { authenticators = ['piped-jwt'], gatewayAudience: audience, forwardedCertificates } = rules;
  const chain = authenticators.map(one =>
    one === 'piped-jwt' ? pipedJwt({ keys, ...(audience !== undefined && { audience }) }) : one,
  );
  const server = createServer({ authenticators: chain, observer });
  return forwardedCertificates ? withForwardedCertificates(server, forwardedCertificates) : server;
}

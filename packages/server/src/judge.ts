import type { CheckedRequest, Principal, VerifiedFacts } from './contract.ts';
import { signalOfPath } from './otlp-paths.ts';
import { AuthenticationError } from './refusals.ts';

/**
 * Decides on one request from what was verified of its sender.
 *
 * @throws AuthenticationError `certificate_mismatch`, `path_unknown`, `scope_denied`
 */
export function judge(facts: VerifiedFacts, request: CheckedRequest): Principal {
  const { principal, certificateThumbprint } = facts;
  if (certificateThumbprint !== undefined && certificateThumbprint !== request.peer.certificate?.thumbprint) {
    throw new AuthenticationError('certificate_mismatch', { owner: principal });
  }
  const signal = signalOfPath(request.path);
  if (signal === undefined) throw new AuthenticationError('path_unknown', { owner: principal });
  if (!principal.scopes.includes(signal)) throw new AuthenticationError('scope_denied', { owner: principal });
  return principal;
}

import type { CheckedRequest, Principal, VerifiedFacts } from './contract.ts';
import { signalOfPath } from './otlp-paths.ts';
import { AuthenticationError, type RefusalCode } from './refusals.ts';

/**
 * Decides on one request from what was verified of its sender.
 *
 * @throws AuthenticationError `certificate_mismatch`, `path_unknown`, `scope_denied`
 */
export function judge(facts: VerifiedFacts, request: CheckedRequest): Principal {
  const { principal, certificateThumbprint } = facts;
  const refuse = (code: RefusalCode) => new AuthenticationError(code, { owner: principal }).by(principal.authenticator);
  if (certificateThumbprint !== undefined && certificateThumbprint !== request.peer.certificate?.thumbprint) {
    throw refuse('certificate_mismatch');
  }
  const signal = signalOfPath(request.path);
  if (signal === undefined) throw refuse('path_unknown');
  if (!principal.scopes.includes(signal)) throw refuse('scope_denied');
  return principal;
}

import type { CheckedRequest, Principal, Server } from '../../contract.ts';
import { AuthenticationError } from '../../refusals.ts';
import { identityTemplate } from './identity-template.ts';

export interface CertificateBindingOptions {
  /** How a client certificate names its piped: `spiffe://example.org/project/{project}/piped/{piped}`. */
  readonly template: string;
}

/**
 * Lets nobody pass whose client certificate does not name the same piped as the credential: a stolen credential is of
 * no use without the certificate's key. This holds for all credentials alike; a credential that carries the thumbprint
 * of its certificate (`cnf`, RFC 8705 section 3.1) is held to that one without it.
 *
 * Refuses with `certificate_mismatch`, also where there is no certificate.
 *
 * @throws TypeError if the template can't be read in one way only
 */
export function boundToCertificate(server: Server, { template }: CertificateBindingOptions): Server {
  const identify = identityTemplate(template);

  function bound(principal: Principal, { peer }: CheckedRequest): Principal {
    const identity = identify(peer.certificate?.principal ?? '');
    const same =
      identity.kind === 'piped' && identity.project === principal.project && identity.piped === principal.piped;
    if (!same) throw new AuthenticationError('certificate_mismatch', { owner: principal });
    return principal;
  }

  return {
    authenticate(request, signal) {
      const answer = server.authenticate(request, signal);
      return answer instanceof Promise ? answer.then(found => bound(found, request)) : bound(answer, request);
    },
  };
}

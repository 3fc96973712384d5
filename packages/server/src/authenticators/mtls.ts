import { NEVER } from '@spanpass/credential';
import { soleAuthorization } from '../authorization.ts';
import { untilAborted } from '../check-deadline.ts';
import type { Authenticator, AuthenticatorOutcome, PeerCertificate, VerifiedFacts } from '../contract.ts';
import { wholeNumber } from '../options.ts';
import { AuthenticationError } from '../refusals.ts';
import { identityTemplate } from './mtls/identity-template.ts';
import { findPiped, inactivity, isActive, type PipedRecord, type PipedSource } from './piped-source.ts';

export interface MtlsOptions {
  /**
   * How a client certificate names its piped: `spiffe://example.org/project/{project}/piped/{piped}`, or
   * `{piped}.{project}.pipeds.example.org` for DNS names.
   */
  readonly template: string;
  /** Who is registered and enabled, and for which signals. */
  readonly pipeds: PipedSource;
  /** How long a look-up in `pipeds` may take, in milliseconds. Default 2000. */
  readonly lookupTimeoutMs?: number;
}

const NAME = 'mtls';

/**
 * Takes a client certificate for a pass: whoever holds its key is the piped that it names. The certificate has been
 * verified where the TLS connection ended: in Envoy, with `require_client_certificate` and a `trusted_ca` that signs
 * pipeds only, since Envoy hands on the names of certificates that it did not verify, too.
 *
 * A request that shows a credential (`authorization`) is not its own, whatever the certificate says: a credential that
 * is shown is judged, never passed over. Neither is a certificate whose name does not begin as the template does; one
 * that does, but names no piped, is refused as `certificate_untrusted`, a piped without a record as `piped_unknown`.
 *
 * A certificate that is revoked, or has expired, is for the one who verified it to refuse; disabling the piped works at
 * once, here.
 *
 * @throws TypeError if the template can't be read in one way only
 * @example
 * mtls({ template: 'spiffe://example.org/project/{project}/piped/{piped}', pipeds });
 */
export function mtls({ template, pipeds, lookupTimeoutMs = 2000 }: MtlsOptions): Authenticator {
  const identify = identityTemplate(template);
  wholeNumber('lookupTimeoutMs', lookupTimeoutMs);
  const facts = new WeakMap<PipedRecord, VerifiedFacts>();

  function decide(record: PipedRecord | undefined, certificate: PeerCertificate): AuthenticatorOutcome {
    if (record === undefined) return { kind: 'refused', error: new AuthenticationError('piped_unknown') };
    const known = facts.get(record) ?? createFacts(record, certificate.principal);
    facts.set(record, known);
    const error = inactivity(record, known.principal);
    return error ? { kind: 'refused', error } : { kind: 'authenticated', facts: known };
  }

  function createFacts(record: PipedRecord, credentialId: string): VerifiedFacts {
    const { project, piped } = record;
    const scopes = Object.freeze([...record.scopes]);
    return Object.freeze({
      principal: Object.freeze({ project, piped, credentialId, authenticator: NAME, scopes, expiresAt: NEVER }),
      stillHolds: () => pipeds.peek(project, piped) === record && isActive(record),
    });
  }

  return {
    name: NAME,
    restsOn: 'request',
    authenticate(request, signal) {
      const { certificate } = request.peer;
      if (certificate === undefined || soleAuthorization(request) !== undefined) return { kind: 'not-mine' };
      const identity = identify(certificate.principal);
      if (identity.kind === 'foreign') return { kind: 'not-mine' };
      if (identity.kind === 'misfit') {
        return { kind: 'refused', error: new AuthenticationError('certificate_untrusted') };
      }
      const record = pipeds.peek(identity.project, identity.piped);
      if (record !== undefined) return decide(record, certificate);
      const found = findPiped(pipeds, identity, lookupTimeoutMs);
      return untilAborted(found, signal).then(later => decide(later, certificate));
    },
  };
}

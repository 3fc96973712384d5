import type { PeerCertificate, Server } from '../../contract.ts';
import { wholeNumber } from '../../options.ts';
import { AuthenticationError } from '../../refusals.ts';
import { addressSet } from './address-set.ts';
import { peerCertificate, thumbprintOfHex } from './certificate.ts';
import { forwardedAddress } from './forwarded-address.ts';
import { parseXfcc, type XfccElement } from './xfcc.ts';

const HEADER = 'x-forwarded-client-cert';

export interface ForwardedCertificateOptions {
  /** Addresses and CIDR networks of the proxies that end the clients' TLS connections, and write the header. */
  readonly trustedHops: readonly string[];
  /**
   * How many proxies on the way here add an element to the header. Default 1: the one that ends the client's
   * connection. More where proxies show certificates to each other, and each writes what it saw.
   */
  readonly hops?: number;
}

/**
 * Lets a server see the certificate that a client showed to a proxy in front of the gateway. The proxy says what it saw
 * in `x-forwarded-client-cert`; from any other peer the header is not looked at.
 *
 * The header must hold exactly `hops` elements, of which the first counts: each proxy adds its own behind what came with
 * the request. One more would be the client's invention, or a certificate whose names break out of their element (Envoy
 * does not quote them); such a header is refused as `certificate_malformed`. What a trusted hop says of its client
 * replaces the hop's own certificate; if it says nothing, the client has none. Where the hop names its client's address,
 * by itself where it asks over HTTP, else in `x-forwarded-for`, that replaces its own too.
 *
 * The names are read from the certificate itself, where the hop hands it on (Envoy: `set_current_client_cert_details`
 * with `cert: true`, which is advised), else from `URI` and `DNS`. The hop must not forward what clients send (Envoy:
 * `SANITIZE_SET`), and must verify certificates: Envoy writes those into the header that it did not verify, too.
 *
 * @throws TypeError if a hop is no address or network, or there is none
 */
export function withForwardedCertificates(server: Server, options: ForwardedCertificateOptions): Server {
  if (options.trustedHops.length === 0) throw new TypeError('trustedHops must not be empty');
  const trusted = addressSet('trustedHops', options.trustedHops);
  const hops = wholeNumber('hops', options.hops ?? 1);
  return {
    authenticate(request, signal) {
      const { address, certificate, unverifiedClientAddress } = request.peer;
      const header = request.headers[HEADER];
      const forwardedFor = request.headers['x-forwarded-for'];
      const says = header ?? unverifiedClientAddress ?? forwardedFor;
      if ((says === undefined && certificate === undefined) || !trusted.has(address)) {
        return server.authenticate(request, signal);
      }
      const client = unverifiedClientAddress ?? forwardedAddress(forwardedFor, hop => trusted.has(hop));
      const forwarded = header === undefined ? undefined : forwardedCertificate(header, hops);
      const peer = { address: client ?? address, ...(forwarded && { certificate: forwarded }) };
      return server.authenticate(
        { headers: request.headers, method: request.method, path: request.path, peer },
        signal,
      );
    },
  };
}

/** @throws AuthenticationError `certificate_malformed` */
function forwardedCertificate(header: string | readonly string[], hops: number): PeerCertificate {
  const elements = typeof header === 'string' ? parseXfcc(header) : undefined;
  const element = elements?.length === hops ? elements[0] : undefined;
  const found = element && (hasCertificate(element) ? readCertificate(element) : readNames(element));
  if (found === undefined) throw new AuthenticationError('certificate_malformed');
  return found;
}

function hasCertificate(element: XfccElement): boolean {
  return named(element, 'cert').length > 0;
}

function readCertificate(element: XfccElement): PeerCertificate | undefined {
  const found = peerCertificate(decoded(named(element, 'cert')[0] ?? ''));
  const [hash] = named(element, 'hash');
  return hash === undefined || thumbprintOfHex(hash) === found?.thumbprint ? found : undefined;
}

/** The one URI, as a SPIFFE certificate has it, else the first DNS name: as Envoy chooses for its own peers. */
function readNames(element: XfccElement): PeerCertificate | undefined {
  const [uri, ...moreUris] = named(element, 'uri');
  const principal = uri ?? named(element, 'dns')[0] ?? '';
  const [hash] = named(element, 'hash');
  const thumbprint = hash === undefined ? undefined : thumbprintOfHex(hash);
  if (moreUris.length > 0 || (hash !== undefined && thumbprint === undefined)) return undefined;
  return thumbprint === undefined ? { principal } : { principal, thumbprint };
}

/** An empty value says that the certificate has no such name. */
function named(element: XfccElement, key: string): readonly string[] {
  return (element.get(key) ?? []).filter(value => value !== '');
}

function decoded(percentEncoded: string): string {
  try {
    return decodeURIComponent(percentEncoded);
  } catch {
    return '';
  }
}

import { createHash, X509Certificate } from 'node:crypto';
import type { PeerCertificate } from '../../contract.ts';

/** The longest certificate that is looked at, in bytes of PEM or DER. */
export const MAX_CERTIFICATE_BYTES = 65_536;

const PEM = /^\s*-----BEGIN CERTIFICATE-----\s([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/;
const SHA256_HEX = /^[0-9a-fA-F]{64}$/;

/**
 * The `x5t#S256` of a certificate (RFC 8705 section 3.1): base64url SHA-256 of its DER form.
 *
 * @param certificate DER bytes, or the PEM text of one certificate
 * @returns nothing if it is not one certificate and nothing else, or longer than 64 KiB
 */
export function certificateThumbprint(certificate: string | Uint8Array): string | undefined {
  const parsed = parseCertificate(certificate);
  return parsed && createHash('sha256').update(parsed.raw).digest('base64url');
}

/**
 * What authenticators look at of a certificate that a TLS connection here ended with, and verified. The principal is
 * its one URI, as a SPIFFE certificate has it (X.509-SVID section 2), else its first DNS name, else empty.
 *
 * @returns nothing if it is not one certificate and nothing else, is longer than 64 KiB, or has several URIs
 */
export function peerCertificate(certificate: string | Uint8Array): PeerCertificate | undefined {
  const parsed = parseCertificate(certificate);
  const principal = parsed && principalOf(parsed.subjectAltName ?? '');
  if (parsed === undefined || principal === undefined) return undefined;
  return Object.freeze({ principal, thumbprint: createHash('sha256').update(parsed.raw).digest('base64url') });
}

/** The same thumbprint out of the hexadecimal digest that Envoy writes. */
export function thumbprintOfHex(sha256: string): string | undefined {
  return SHA256_HEX.test(sha256) ? Buffer.from(sha256, 'hex').toString('base64url') : undefined;
}

function parseCertificate(certificate: string | Uint8Array): X509Certificate | undefined {
  if (certificate.length > MAX_CERTIFICATE_BYTES) return undefined;
  const der = typeof certificate === 'string' ? decodePem(certificate) : Buffer.from(certificate);
  try {
    const parsed = der && new X509Certificate(der);
    // Bytes behind the certificate would go into no digest.
    return parsed?.raw.length === der?.length ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function decodePem(text: string): Buffer | undefined {
  const body = PEM.exec(text)?.[1];
  return body === undefined ? undefined : Buffer.from(body, 'base64');
}

/** Node writes the names as `URI:…, DNS:…`, and one that could be mistaken for two as a JSON string (`URI:"…"`). */
function principalOf(subjectAltName: string): string | undefined {
  const names = [...subjectAltName.matchAll(/(?:^|, )(URI|DNS):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/g)];
  const of = (kind: string) => names.filter(([, found]) => found === kind).map(([, , name = '']) => plain(name));
  const uris = of('URI');
  return uris.length > 1 ? undefined : (uris[0] ?? of('DNS')[0] ?? '');
}

function plain(name: string): string {
  return name.startsWith('"') ? (JSON.parse(name) as string) : name;
}

import { X509Certificate } from 'node:crypto';
import type { CheckedRequest, PeerCertificate } from '../contract.ts';
import { CheckRequest, type HttpRequest, type Peer } from '../generated/ext_authz.ts';
import { AuthenticationError } from '../refusals.ts';

/** The most that names and values of a request's headers may hold together, in characters. */
export const MAX_HEADERS_LENGTH = 65_536;

/** A chain's leaf with many names in it stays well below. */
const MAX_CERTIFICATE_LENGTH = 32_768;

/**
 * Reads what Envoy asks. A header that was sent twice comes joined with a comma, or, with `encode_raw_headers`, as a
 * list; the names are lower case.
 *
 * @throws AuthenticationError `request_malformed`, `request_too_large`
 */
export function readCheckRequest(bytes: Uint8Array): CheckedRequest {
  const { source, request } = decode(bytes).attributes ?? {};
  const http = request?.http;
  if (http === undefined) throw new AuthenticationError('request_malformed');
  const certificate = source && readCertificate(source);
  const headers = readHeaders(http, bytes.length);
  const address = source?.address?.socketAddress?.address ?? '';
  return { headers, method: http.method, path: http.path, peer: certificate ? { address, certificate } : { address } };
}

function decode(bytes: Uint8Array): CheckRequest {
  try {
    return CheckRequest.decode(bytes);
  } catch (cause) {
    throw new AuthenticationError('request_malformed', { cause });
  }
}

function readHeaders({ headers, headerMap }: HttpRequest, messageLength: number): CheckedRequest['headers'] {
  const raw = headerMap?.headers ?? [];
  if (messageLength > MAX_HEADERS_LENGTH) {
    const joined = Object.entries(headers).reduce((length, [name, value]) => length + name.length + value.length, 0);
    const total = raw.reduce(
      (length, { key, value, rawValue }) => length + key.length + value.length + rawValue.length,
      joined,
    );
    if (total > MAX_HEADERS_LENGTH) throw new AuthenticationError('request_too_large');
  }
  if (raw.length === 0) return headers;
  const lists = new Map(Object.entries(headers).map(([name, value]): [string, string[]] => [name, [value]]));
  for (const { key, value, rawValue } of raw) {
    const text = rawValue.length > 0 ? rawValue.toString('latin1') : value;
    const list = lists.get(key);
    if (list) list.push(text);
    else lists.set(key, [text]);
  }
  return Object.fromEntries(lists);
}

function readCertificate({ principal, certificate }: Peer): PeerCertificate | undefined {
  if (principal === '' && certificate === '') return undefined;
  if (certificate.length > MAX_CERTIFICATE_LENGTH) throw new AuthenticationError('request_too_large');
  let thumbprint: string | undefined;
  return {
    principal,
    // Only credentials that are bound to a certificate need it.
    get thumbprint() {
      thumbprint ??= thumbprintOf(certificate);
      return thumbprint;
    },
  };
}

/** An unreadable certificate has an empty thumbprint, which no credential can be bound to. */
function thumbprintOf(urlEncodedPem: string): string {
  try {
    const { fingerprint256 } = new X509Certificate(decodeURIComponent(urlEncodedPem));
    return Buffer.from(fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');
  } catch {
    return '';
  }
}

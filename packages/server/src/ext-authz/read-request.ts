import { X509Certificate } from 'node:crypto';
import type { CheckedRequest, PeerCertificate } from '../contract.ts';
import { AuthenticationError } from '../refusals.ts';
import { WireCursor } from './wire-cursor.ts';

/** The most that names and values of a request's headers may hold together, in bytes. */
export const MAX_HEADERS_LENGTH = 65_536;

/** A chain's leaf with many names in it stays well below. */
const MAX_CERTIFICATE_LENGTH = 32_768;

/**
 * Reads what Envoy asks. A header that was sent twice comes joined with a comma, or, with `encode_raw_headers`, as a
 * list; the names are lower case, and each byte of a value is a character, as `node:http` has it. Nothing is made of the fields that nobody here looks at.
 *
 * @throws AuthenticationError `request_malformed`, `request_too_large`
 */
export function readCheckRequest(bytes: Buffer): CheckedRequest {
  const parts = new RequestParts();
  try {
    readMessage(new WireCursor(bytes), bytes.length, parts);
  } catch (cause) {
    throw new AuthenticationError('request_malformed', { cause });
  }
  const { hasHttp, headersLength, method, path, address } = parts;
  if (!hasHttp) throw new AuthenticationError('request_malformed');
  if (headersLength > MAX_HEADERS_LENGTH) throw new AuthenticationError('request_too_large');
  const certificate = readCertificate(parts);
  const headers = withRawHeaders(parts);
  return { headers, method, path, peer: certificate ? { address, certificate } : { address } };
}

/**
 * The fields of a CheckRequest that something is made of, whatever message they are in. Of two messages where one
 * belongs, which no gateway sends, the last one counts, and alone.
 */
class RequestParts {
  hasHttp = false;
  method = '';
  path = '';
  headers: Record<string, string> = {};
  rawHeaders: { readonly name: string; readonly value: string }[] | undefined;
  headersLength = 0;
  address = '';
  principal = '';
  certificate = '';

  forgetHttp(): void {
    this.hasHttp = false;
    this.method = '';
    this.path = '';
    this.headers = {};
    this.rawHeaders = undefined;
  }

  forgetPeer(): void {
    this.address = '';
    this.principal = '';
    this.certificate = '';
  }
}

/** CheckRequest: `attributes` (1), in it `source` (1) and `request` (4), in that `http` (2). */
function readMessage(cursor: WireCursor, end: number, parts: RequestParts): void {
  while (cursor.next(end)) {
    if (cursor.field !== 1) continue;
    parts.forgetHttp();
    parts.forgetPeer();
    readAttributes(inside(cursor), cursor.to, parts);
  }
}

function readAttributes(cursor: WireCursor, end: number, parts: RequestParts): void {
  while (cursor.next(end)) {
    if (cursor.field === 1) {
      parts.forgetPeer();
      readPeer(inside(cursor), cursor.to, parts);
    } else if (cursor.field === 4) {
      parts.forgetHttp();
      readRequest(inside(cursor), cursor.to, parts);
    }
  }
}

/** Peer: `address` (1), `principal` (4), `certificate` (5). */
function readPeer(cursor: WireCursor, end: number, parts: RequestParts): void {
  while (cursor.next(end)) {
    if (cursor.field === 1) readAddress(inside(cursor), cursor.to, parts);
    else if (cursor.field === 4) parts.principal = cursor.text();
    else if (cursor.field === 5) parts.certificate = cursor.text();
  }
}

/** Address: `socket_address` (1), in it `address` (2). */
function readAddress(cursor: WireCursor, end: number, parts: RequestParts): void {
  parts.address = '';
  while (cursor.next(end)) if (cursor.field === 1) readSocketAddress(inside(cursor), cursor.to, parts);
}

function readSocketAddress(cursor: WireCursor, end: number, parts: RequestParts): void {
  parts.address = '';
  while (cursor.next(end)) if (cursor.field === 2) parts.address = cursor.text();
}

function readRequest(cursor: WireCursor, end: number, parts: RequestParts): void {
  while (cursor.next(end)) {
    if (cursor.field !== 2) continue;
    parts.forgetHttp();
    parts.hasHttp = true;
    readHttp(inside(cursor), cursor.to, parts);
  }
}

/** HttpRequest: `method` (2), `headers` (3), `path` (4), `header_map` (13). */
function readHttp(cursor: WireCursor, end: number, parts: RequestParts): void {
  while (cursor.next(end)) {
    if (cursor.field === 3) readHeader(inside(cursor), cursor.to, parts);
    else if (cursor.field === 2) parts.method = cursor.characters();
    else if (cursor.field === 4) parts.path = cursor.characters();
    else if (cursor.field === 13) readHeaderMap(inside(cursor), cursor.to, parts);
  }
}

function readHeader(cursor: WireCursor, end: number, parts: RequestParts): void {
  let name = '';
  let value = '';
  while (cursor.next(end)) {
    parts.headersLength += cursor.to - cursor.from;
    if (cursor.field === 1) name = cursor.characters();
    else if (cursor.field === 2) value = cursor.characters();
  }
  if (name !== '__proto__') parts.headers[name] = value;
}

function readHeaderMap(cursor: WireCursor, end: number, parts: RequestParts): void {
  parts.rawHeaders = [];
  while (cursor.next(end)) {
    if (cursor.field === 1) parts.rawHeaders.push(readRawHeader(inside(cursor), cursor.to, parts));
  }
}

/** HeaderValue: `key` (1), and `value` (2) or `raw_value` (3). */
function readRawHeader(cursor: WireCursor, end: number, parts: RequestParts) {
  let name = '';
  let text = '';
  let raw = '';
  while (cursor.next(end)) {
    parts.headersLength += cursor.to - cursor.from;
    if (cursor.field === 1) name = cursor.characters();
    else if (cursor.field === 2) text = cursor.characters();
    else if (cursor.field === 3) raw = cursor.characters();
  }
  return { name, value: raw === '' ? text : raw };
}

/** The same cursor, at the beginning of the field found last. */
function inside(cursor: WireCursor): WireCursor {
  cursor.at = cursor.from;
  return cursor;
}

function withRawHeaders({ headers, rawHeaders }: RequestParts): CheckedRequest['headers'] {
  if (rawHeaders === undefined || rawHeaders.length === 0) return headers;
  const lists = new Map(Object.entries(headers).map(([name, value]): [string, string[]] => [name, [value]]));
  for (const { name, value } of rawHeaders) {
    const list = lists.get(name);
    if (list) list.push(value);
    else lists.set(name, [value]);
  }
  return Object.fromEntries(lists);
}

function readCertificate({ principal, certificate }: RequestParts): PeerCertificate | undefined {
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

import { X509Certificate } from 'node:crypto';
import { AuthorizationAtHand } from '../authorization-at-hand.ts';
import type { CheckedRequest, PeerCertificate } from '../contract.ts';
import { AuthenticationError } from '../refusals.ts';
import { WireCursor } from './wire-cursor.ts';

/** The most that names and values of a request's headers may hold together, in bytes. */
export const MAX_HEADERS_LENGTH = 65_536;

/** A chain's leaf with many names in it stays well below. */
const MAX_CERTIFICATE_LENGTH = 32_768;

/**
 * Reads what Envoy asks. A header that was sent twice comes joined with a comma, or, with `encode_raw_headers`, as a
 * list; the names are lower case, and each byte of a value is a character, as `node:http` has it. All of it is looked
 * through at once, for bytes that are no message must be refused; but of its fields only those are read that somebody
 * asks for, and nothing is made of the fields that nobody here looks at. `bytes` must not change afterwards.
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
  if (!parts.hasHttp) throw new AuthenticationError('request_malformed');
  if (parts.headersLength > MAX_HEADERS_LENGTH) throw new AuthenticationError('request_too_large');
  if (parts.certificate.length > MAX_CERTIFICATE_LENGTH) throw new AuthenticationError('request_too_large');
  return new WireRequest(bytes, parts);
}

/** Where a field's content lies. */
class Place {
  from = 0;
  to = 0;

  get length(): number {
    return this.to - this.from;
  }

  set({ from, to }: Pick<WireCursor, 'from' | 'to'>): void {
    this.from = from;
    this.to = to;
  }

  clear(): void {
    this.from = 0;
    this.to = 0;
  }

  /** Each byte a character. Holds on to nothing else. */
  characters(bytes: Buffer): string {
    return this.length === 0 ? '' : bytes.toString('latin1', this.from, this.to);
  }

  text(bytes: Buffer): string {
    return bytes.toString('utf8', this.from, this.to);
  }
}

/**
 * The fields of a CheckRequest that something is made of, whatever message they are in. Of two messages where one
 * belongs, which no gateway sends, the last one counts, and alone.
 */
class RequestParts {
  hasHttp = false;
  readonly http = new Place();
  readonly method = new Place();
  readonly path = new Place();
  readonly authorization = new Place();
  hasAuthorization = false;
  hasRawHeaders = false;
  headersLength = 0;
  readonly address = new Place();
  readonly principal = new Place();
  readonly certificate = new Place();

  forgetHttp(): void {
    this.hasHttp = false;
    this.method.clear();
    this.path.clear();
    this.hasAuthorization = false;
    this.hasRawHeaders = false;
  }

  forgetPeer(): void {
    this.address.clear();
    this.principal.clear();
    this.certificate.clear();
  }
}

class WireRequest extends AuthorizationAtHand {
  readonly #bytes: Buffer;
  readonly #parts: RequestParts;
  #authorization: string | undefined;
  #headers: CheckedRequest['headers'] | undefined;
  #peer: CheckedRequest['peer'] | undefined;

  constructor(bytes: Buffer, parts: RequestParts) {
    super();
    this.#bytes = bytes;
    this.#parts = parts;
  }

  get authorization(): string | readonly string[] | undefined {
    const { hasRawHeaders, hasAuthorization, authorization } = this.#parts;
    if (hasRawHeaders) return this.headers.authorization;
    if (!hasAuthorization) return undefined;
    this.#authorization ??= authorization.characters(this.#bytes);
    return this.#authorization;
  }

  get method(): string {
    return this.#parts.method.characters(this.#bytes);
  }

  get path(): string {
    return this.#parts.path.characters(this.#bytes);
  }

  get headers(): CheckedRequest['headers'] {
    this.#headers ??= readHeaders(this.#bytes, this.#parts.http);
    return this.#headers;
  }

  get peer(): CheckedRequest['peer'] {
    this.#peer ??= this.#readPeer();
    return this.#peer;
  }

  #readPeer(): CheckedRequest['peer'] {
    const { address, principal, certificate } = this.#parts;
    const of = address.text(this.#bytes);
    if (principal.length + certificate.length === 0) return { address: of };
    return {
      address: of,
      certificate: peerCertificate(principal.text(this.#bytes), certificate.text(this.#bytes)),
    };
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
    else if (cursor.field === 4) parts.principal.set(cursor);
    else if (cursor.field === 5) parts.certificate.set(cursor);
  }
}

/** Address: `socket_address` (1), in it `address` (2). */
function readAddress(cursor: WireCursor, end: number, parts: RequestParts): void {
  parts.address.clear();
  while (cursor.next(end)) if (cursor.field === 1) readSocketAddress(inside(cursor), cursor.to, parts);
}

function readSocketAddress(cursor: WireCursor, end: number, parts: RequestParts): void {
  parts.address.clear();
  while (cursor.next(end)) if (cursor.field === 2) parts.address.set(cursor);
}

function readRequest(cursor: WireCursor, end: number, parts: RequestParts): void {
  while (cursor.next(end)) {
    if (cursor.field !== 2) continue;
    parts.forgetHttp();
    parts.hasHttp = true;
    parts.http.set(cursor);
    readHttp(inside(cursor), cursor.to, parts);
  }
}

/** HttpRequest: `method` (2), `headers` (3), `path` (4), `header_map` (13). */
function readHttp(cursor: WireCursor, end: number, parts: RequestParts): void {
  while (cursor.next(end)) {
    if (cursor.field === 3) lookAtHeader(inside(cursor), cursor.to, parts);
    else if (cursor.field === 2) parts.method.set(cursor);
    else if (cursor.field === 4) parts.path.set(cursor);
    else if (cursor.field === 13) lookAtHeaderMap(inside(cursor), cursor.to, parts);
  }
}

const AUTHORIZATION = Buffer.from('authorization');

/** A map's entry: key (1) and value (2). */
function lookAtHeader(cursor: WireCursor, end: number, parts: RequestParts): void {
  let isAuthorization = false;
  let from = 0;
  let to = 0;
  while (cursor.next(end)) {
    const length = cursor.to - cursor.from;
    parts.headersLength += length;
    if (cursor.field === 1) isAuthorization = length === AUTHORIZATION.length && isNamed(cursor, AUTHORIZATION);
    else if (cursor.field === 2) {
      from = cursor.from;
      to = cursor.to;
    }
  }
  if (!isAuthorization) return;
  parts.hasAuthorization = true;
  parts.authorization.from = from;
  parts.authorization.to = to;
}

function isNamed({ bytes, from }: WireCursor, name: Buffer): boolean {
  for (let at = 0; at < name.length; at++) if (bytes[from + at] !== name[at]) return false;
  return true;
}

function lookAtHeaderMap(cursor: WireCursor, end: number, parts: RequestParts): void {
  parts.hasRawHeaders = false;
  while (cursor.next(end)) {
    if (cursor.field !== 1) continue;
    parts.hasRawHeaders = true;
    const inner = inside(cursor);
    const { to } = cursor;
    while (inner.next(to)) parts.headersLength += inner.to - inner.from;
  }
}

/** The headers of an HttpRequest that was looked through before. */
function readHeaders(bytes: Buffer, { from, to }: Place): CheckedRequest['headers'] {
  const cursor = new WireCursor(bytes);
  cursor.at = from;
  const headers: Record<string, string> = {};
  let rawHeaders: readonly RawHeader[] = [];
  while (cursor.next(to)) {
    const end = cursor.to;
    if (cursor.field === 3) {
      const { name, value } = readHeader(inside(cursor), end);
      if (name !== '__proto__') headers[name] = value;
    } else if (cursor.field === 13) rawHeaders = readHeaderMap(inside(cursor), end);
  }
  return withRawHeaders(headers, rawHeaders);
}

interface RawHeader {
  readonly name: string;
  readonly value: string;
}

function readHeader(cursor: WireCursor, end: number): RawHeader {
  let name = '';
  let value = '';
  while (cursor.next(end)) {
    if (cursor.field === 1) name = cursor.characters();
    else if (cursor.field === 2) value = cursor.characters();
  }
  return { name, value };
}

function readHeaderMap(cursor: WireCursor, end: number): readonly RawHeader[] {
  const rawHeaders: RawHeader[] = [];
  while (cursor.next(end)) if (cursor.field === 1) rawHeaders.push(readRawHeader(inside(cursor), cursor.to));
  return rawHeaders;
}

/** HeaderValue: `key` (1), and `value` (2) or `raw_value` (3). */
function readRawHeader(cursor: WireCursor, end: number): RawHeader {
  let name = '';
  let text = '';
  let raw = '';
  while (cursor.next(end)) {
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

function withRawHeaders(headers: Record<string, string>, rawHeaders: readonly RawHeader[]): CheckedRequest['headers'] {
  if (rawHeaders.length === 0) return headers;
  const lists = new Map(Object.entries(headers).map(([name, value]): [string, string[]] => [name, [value]]));
  for (const { name, value } of rawHeaders) {
    const list = lists.get(name);
    if (list) list.push(value);
    else lists.set(name, [value]);
  }
  return Object.fromEntries(lists);
}

function peerCertificate(principal: string, certificate: string): PeerCertificate {
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

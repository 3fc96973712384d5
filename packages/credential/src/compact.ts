import { isUtf8 } from 'node:buffer';
import { CredentialError, type CredentialRefusalCode } from './errors.ts';
import { KID_PATTERN } from './ids.ts';
import { parseStrictObject } from './strict-json.ts';

/** The longest credential that is looked at, in characters. */
export const MAX_CREDENTIAL_LENGTH = 8192;

/** The longest signature, RSA 4096, in base64url. */
const SHAPE = /^([A-Za-z0-9_-]{1,2048})\.([A-Za-z0-9_-]{1,8192})\.([A-Za-z0-9_-]{1,683})$/;
const FORBIDDEN_MEMBERS = ['jku', 'jwk', 'x5u', 'x5c', 'crit', 'b64', 'zip', 'enc'];
const KNOWN_MEMBERS = new Set(['alg', 'kid', 'typ', 'x5t#S256']);

/** What a compact JWS says before anything is verified. Good for finding the key, and for nothing else. */
export interface UnverifiedJws<Header = Readonly<Record<string, unknown>>> {
  readonly unverifiedHeader: Header;
  readonly unverifiedClaims: Readonly<Record<string, unknown>>;
  /** Where the signature begins, in characters: everything before the last dot is signed. */
  readonly signedLength: number;
  readonly signature: Uint8Array;
}

/** A JWS whose header is a credential's. */
export type UnverifiedCredential = UnverifiedJws<{ readonly alg: string; readonly kid: string; readonly typ: string }>;

/**
 * Takes a compact JWS apart (RFC 7515 section 7.1) as strictly as can be: size, alphabet, canonical base64url, UTF-8,
 * unique members, no header member that could bring a key or change the rules. Cheap, and without any cryptography.
 *
 * @throws CredentialError `credential_too_large`, `credential_malformed`, `header_malformed`, `header_forbidden`,
 *   `kid_malformed`, `claims_malformed`
 */
export function parseCredential(token: string): UnverifiedCredential {
  return takeApart(token, checkedHeader);
}

/**
 * Takes any issuer's compact JWS apart as strictly as a credential. Of the header only what could bring a key or change
 * the rules is refused; what `alg`, `kid` and `typ` are is for the caller to judge.
 *
 * @throws CredentialError `credential_too_large`, `credential_malformed`, `header_malformed`, `header_forbidden`,
 *   `claims_malformed`
 */
export function parseJws(token: string): UnverifiedJws {
  return takeApart(token, refuseForbidden);
}

function takeApart<Header>(
  token: string,
  checkHeader: (header: Record<string, unknown>) => Header,
): UnverifiedJws<Header> {
  if (token.length > MAX_CREDENTIAL_LENGTH) throw new CredentialError('credential_too_large');
  const [, header, claims, signature] = SHAPE.exec(token) ?? [];
  if (header === undefined || claims === undefined || signature === undefined) {
    throw new CredentialError('credential_malformed');
  }
  return {
    unverifiedHeader: checkHeader(decodeObject(header, 'header_malformed')),
    unverifiedClaims: decodeObject(claims, 'claims_malformed'),
    signedLength: header.length + 1 + claims.length,
    signature: decodeCanonical(signature),
  };
}

function refuseForbidden(header: Record<string, unknown>): Record<string, unknown> {
  if (FORBIDDEN_MEMBERS.some(member => Object.hasOwn(header, member))) throw new CredentialError('header_forbidden');
  return header;
}

function checkedHeader(header: Record<string, unknown>): UnverifiedCredential['unverifiedHeader'] {
  refuseForbidden(header);
  if (!Object.keys(header).every(member => KNOWN_MEMBERS.has(member))) throw new CredentialError('header_malformed');
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || typeof typ !== 'string') throw new CredentialError('header_malformed');
  if (typeof kid !== 'string' || !KID_PATTERN.test(kid)) throw new CredentialError('kid_malformed');
  return { alg, kid, typ };
}

function decodeObject(part: string, code: CredentialRefusalCode): Record<string, unknown> {
  const bytes = decodeCanonical(part);
  try {
    if (!isUtf8(bytes)) throw new SyntaxError('not UTF-8');
    return parseStrictObject(bytes.toString());
  } catch (cause) {
    throw new CredentialError(code, { cause });
  }
}

/** What the last character may be, by how many go beyond the last four: its bits beyond the last byte are zero (RFC 4648 section 3.5). */
const LAST_CHARACTERS = [undefined, '', 'AQgw', 'AEIMQUYcgkosw048'] as const;

/**
 * Two texts must never stand for the same bytes, or a cache or a replay guard could be walked around.
 *
 * @param part of the alphabet of base64url
 */
function decodeCanonical(part: string): Buffer {
  const last = LAST_CHARACTERS[part.length % 4];
  if (last?.includes(part.charAt(part.length - 1)) === false) throw new CredentialError('credential_malformed');
  return Buffer.from(part, 'base64url');
}

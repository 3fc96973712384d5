import { createHash, randomInt, randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 62^43 > 2^256. */
const RANDOM_LENGTH = 43;
/** 62^6 > 2^32. */
const CHECKSUM_LENGTH = 6;

export type TokenKind = 'admin' | 'as' | 'enroll';

/**
 * Makes a token: `spanpass_<kind>_`, 256 random bits and the CRC-32 of all that, in base 62. By prefix and checksum,
 * scanners for leaked secrets tell a real one from a look-alike.
 */
export function createToken(kind: TokenKind): string {
  const random = Array.from({ length: RANDOM_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  const body = `spanpass_${kind}_${random}`;
  return body + checksum(body);
}

/** Whether a text has the form of a token that `createToken` made; says nothing of whether it is one. */
export function isWellFormedToken(text: string, kind: TokenKind): boolean {
  const prefix = `spanpass_${kind}_`;
  if (text.length !== prefix.length + RANDOM_LENGTH + CHECKSUM_LENGTH || !text.startsWith(prefix)) return false;
  return checksum(text.slice(0, -CHECKSUM_LENGTH)) === text.slice(-CHECKSUM_LENGTH);
}

/**
 * Finds the tokens of all kinds in a text, for scanners of leaked secrets; `isWellFormedToken` then tells a real one by
 * its checksum.
 */
export const TOKEN_PATTERN = /\bspanpass_(?:admin|as|enroll)_[0-9A-Za-z]{49}\b/g;

/** Whether a text claims to be a token that `createToken` made. */
export function looksIssued(text: string): boolean {
  return text.startsWith('spanpass_');
}

/** Whether a text has the form of a token that the API's callers show. */
export function isBearerToken(text: string): boolean {
  return isWellFormedToken(text, 'admin') || isWellFormedToken(text, 'as');
}

/** What is stored of a token: its SHA-256 in hex. A slow hash would add nothing to 256 random bits. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** An id to speak of a token by, in audit rows and lists. */
export function createTokenId(): string {
  return randomUUID();
}

function checksum(text: string): string {
  let rest = crc32(text);
  let digits = '';
  for (let at = 0; at < CHECKSUM_LENGTH; at++) {
    digits = ALPHABET[rest % ALPHABET.length] + digits;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return digits;
}

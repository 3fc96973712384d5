import { createPublicKey, type KeyObject } from 'node:crypto';
import type { PublicJwk } from './algorithms.ts';

/** OpenSSL takes some 4 KiB for each, outside of the heap, and 40 µs to parse one again. */
const MAX_PARSED = 4096;

interface Parsed {
  readonly jwk: PublicJwk;
  readonly key: KeyObject;
}

/** Those used lately, and those used before: when the former are half of all, the latter are let go. */
let recent = new Map<string, Parsed>();
let earlier = new Map<string, Parsed>();

/** What OpenSSL makes of a key. The few that were used last are at hand; all that is kept of the others is their JWK. */
export function parsedKey(jwk: PublicJwk): KeyObject {
  const number = jwk.kty === 'RSA' ? jwk.n : jwk.x;
  let parsed = recent.get(number);
  if (parsed !== undefined && isSame(parsed.jwk, jwk)) return parsed.key;
  parsed = earlier.get(number);
  if (parsed === undefined || !isSame(parsed.jwk, jwk)) {
    parsed = { jwk, key: createPublicKey({ key: jwk, format: 'jwk' }) };
  }
  if (recent.size >= MAX_PARSED / 2) {
    earlier = recent;
    recent = new Map();
  }
  recent.set(number, parsed);
  return parsed.key;
}

/** All of the key itself counts: two have one number in common where they are a point and its negative. */
function isSame(one: PublicJwk, other: PublicJwk): boolean {
  if (one === other) return true;
  switch (one.kty) {
    case 'EC':
      return other.kty === 'EC' && one.crv === other.crv && one.x === other.x && one.y === other.y;
    case 'OKP':
      return other.kty === 'OKP' && one.crv === other.crv && one.x === other.x;
    case 'RSA':
      return other.kty === 'RSA' && one.n === other.n && one.e === other.e;
  }
}

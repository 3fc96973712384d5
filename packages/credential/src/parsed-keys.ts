import { createPublicKey, type KeyObject } from 'node:crypto';
import type { PublicJwk } from './algorithms.ts';

/** OpenSSL takes some 4 KiB for each, outside of the heap, and 40 µs to parse one again. */
const MAX_PARSED = 4096;

/** Those used lately, and those used before: when the former are half of all, the latter are let go. */
let recent = new Map<string, KeyObject>();
let earlier = new Map<string, KeyObject>();

/** What OpenSSL makes of a key. The few that were used last are at hand; all that is kept of the others is their JWK. */
export function parsedKey(publicJwk: PublicJwk): KeyObject {
  const id = idOf(publicJwk);
  let parsed = recent.get(id);
  if (parsed !== undefined) return parsed;
  parsed = earlier.get(id) ?? createPublicKey({ key: publicJwk, format: 'jwk' });
  if (recent.size >= MAX_PARSED / 2) {
    earlier = recent;
    recent = new Map();
  }
  recent.set(id, parsed);
  return parsed;
}

/** All of the key itself, so that two that share an id are the same. */
function idOf(jwk: PublicJwk): string {
  switch (jwk.kty) {
    case 'EC':
      return `${jwk.crv}.${jwk.x}.${jwk.y}`;
    case 'OKP':
      return `${jwk.crv}.${jwk.x}`;
    case 'RSA':
      return `${jwk.kty}.${jwk.n}.${jwk.e}`;
  }
}

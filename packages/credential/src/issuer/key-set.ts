import { z } from 'zod';
import type { Algorithm, PublicJwk } from '../algorithms.ts';
import { FormatError } from '../errors.ts';
import { parsePublicJwk } from '../key-record.ts';
import { IssuerError } from './errors.ts';

/** A public key of an issuer, for one algorithm. */
export interface IssuerKey {
  readonly kid: string;
  readonly alg: Algorithm;
  readonly publicJwk: PublicJwk;
}

/** Keys by `keyName`. */
export type KeySet = ReadonlyMap<string, IssuerKey>;

const MAX_KEYS = 100;
const PUBLIC_MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e'];

const jwksSchema = z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(MAX_KEYS) });

/** What RFC 7517 section 4 says of a key's use. A key that has its private half with it is nobody's any more. */
const jwkSchema = z.looseObject({
  kid: z.string().min(1).max(256),
  use: z.literal('sig').optional(),
  key_ops: z
    .array(z.string())
    .refine(operations => operations.includes('verify'))
    .optional(),
  alg: z.string().optional(),
  d: z.undefined().optional(),
});

/** Names a key: a kid may stand for one key of each algorithm (RFC 7517 section 4.5). */
export function keyName(kid: string, alg: string): string {
  return `${alg} ${kid}`;
}

/**
 * Reads a JWK set (RFC 7517 section 5) for the given algorithms. Keys that are for something else, malformed, or share
 * their name with another key, are left out. A key that `known` has already stays the same object.
 *
 * @throws IssuerError if it is no JWK set, or holds more than 100 keys
 */
export function parseKeySet(document: unknown, algorithms: readonly Algorithm[], known: KeySet = new Map()): KeySet {
  const parsed = jwksSchema.safeParse(document);
  if (!parsed.success) throw new IssuerError('the key set of the issuer is malformed or has too many keys');
  const found = new Map<string, IssuerKey | undefined>();
  for (const jwk of parsed.data.keys) {
    for (const key of algorithms.map(alg => parseKey(jwk, alg)).filter(key => key !== undefined)) {
      const name = keyName(key.kid, key.alg);
      found.set(name, found.has(name) ? undefined : key);
    }
  }
  return new Map([...found].filter(isKey).map(([name, key]) => [name, sameOr(known.get(name), key)]));
}

function parseKey(jwk: Record<string, unknown>, alg: Algorithm): IssuerKey | undefined {
  const parsed = jwkSchema.safeParse(jwk);
  if (!parsed.success || (parsed.data.alg ?? alg) !== alg) return undefined;
  const members = PUBLIC_MEMBERS.filter(member => Object.hasOwn(jwk, member)).map(member => [member, jwk[member]]);
  try {
    return Object.freeze({ kid: parsed.data.kid, alg, publicJwk: parsePublicJwk(alg, Object.fromEntries(members)) });
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function isKey(entry: [string, IssuerKey | undefined]): entry is [string, IssuerKey] {
  return entry[1] !== undefined;
}

function sameOr(old: IssuerKey | undefined, fresh: IssuerKey): IssuerKey {
  const same = PUBLIC_MEMBERS.every(
    member => old?.publicJwk[member as keyof PublicJwk] === fresh.publicJwk[member as keyof PublicJwk],
  );
  return old !== undefined && same ? old : fresh;
}

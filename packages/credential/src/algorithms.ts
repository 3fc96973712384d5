import { z } from 'zod';

const coordinate = (bytes: number) => {
  const characters = Math.ceil((bytes * 4) / 3);
  return z.string().regex(new RegExp(`^[A-Za-z0-9_-]{${characters}}$`), `must be ${bytes} bytes in base64url`);
};

/** 2048 to 4096 bits; a JWK carries no leading zero octets (RFC 7518 section 6.3.1.1). */
const modulus = z.string().regex(/^[A-Za-z0-9_-]{342,683}$/, 'must be 2048 to 4096 bits in base64url');
const exponent = z.literal('AQAB');
const privateNumber = z.string().regex(/^[A-Za-z0-9_-]{1,683}$/);

const ec = { kty: z.literal('EC'), crv: z.literal('P-256'), x: coordinate(32), y: coordinate(32) };
const okp = { kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: coordinate(32) };
const rsa = { kty: z.literal('RSA'), n: modulus, e: exponent };
const rsaPrivate = {
  ...rsa,
  d: privateNumber,
  p: privateNumber,
  q: privateNumber,
  dp: privateNumber,
  dq: privateNumber,
  qi: privateNumber,
};

/**
 * All that is known of each algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1): how long a signature is, and what
 * the two halves of its key look like as JWKs. Nobody else switches on the name.
 */
export const ALGORITHMS = Object.freeze({
  ES256: {
    signatureBytes: () => 64,
    publicJwk: z.strictObject(ec),
    privateJwk: z.strictObject({ ...ec, d: coordinate(32) }),
  },
  EdDSA: {
    signatureBytes: () => 64,
    publicJwk: z.strictObject(okp),
    privateJwk: z.strictObject({ ...okp, d: coordinate(32) }),
  },
  RS256: { signatureBytes: modulusBytes, publicJwk: z.strictObject(rsa), privateJwk: z.strictObject(rsaPrivate) },
  PS256: { signatureBytes: modulusBytes, publicJwk: z.strictObject(rsa), privateJwk: z.strictObject(rsaPrivate) },
});

export type Algorithm = keyof typeof ALGORITHMS;

export const algorithmSchema = z.enum(['ES256', 'EdDSA', 'RS256', 'PS256']);

export const DEFAULT_ALGORITHM: Algorithm = 'ES256';

/** The public half of a key, with the members that RFC 7638 hashes and no others. */
export type PublicJwk =
  | { kty: 'EC'; crv: 'P-256'; x: string; y: string }
  | { kty: 'OKP'; crv: 'Ed25519'; x: string }
  | { kty: 'RSA'; n: string; e: 'AQAB' };

/** Both halves of a key. */
export type PrivateJwk = PublicJwk & Record<string, string>;

function modulusBytes(jwk: PublicJwk): number {
  return jwk.kty === 'RSA' ? Math.floor((jwk.n.length * 3) / 4) : 0;
}

import { z } from 'zod';
import type { UnverifiedCredential } from './compact.ts';
import { CredentialError } from './errors.ts';
import { idSchema } from './ids.ts';

const numericDate = z.number().int().min(0).max(253_402_300_799);
const sha256 = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

/** RFC 7519 section 4.1; members that are not named here are ignored, as section 4 asks. */
const claimsSchema = z.object({
  iss: idSchema,
  sub: idSchema,
  /** A list is accepted only with one entry: a pass opens one door. */
  aud: z.union([z.string().min(1).max(2048), z.tuple([z.string().min(1).max(2048)]).transform(([only]) => only)]),
  project: idSchema,
  iat: numericDate,
  exp: numericDate,
  nbf: numericDate.optional(),
  jti: z.string().min(1).max(128),
  body_hash: sha256.optional(),
  cnf: z.strictObject({ 'x5t#S256': sha256 }).optional(),
});

export type CredentialClaims = Readonly<z.output<typeof claimsSchema>>;

/** They are read before a key is looked up, and again when the signature holds. */
const parsedClaims = new WeakMap<object, CredentialClaims>();

/**
 * @param unverified of a credential that was taken apart, and not changed since
 * @throws CredentialError `claims_malformed`
 */
export function parseClaims(unverified: UnverifiedCredential['unverifiedClaims']): CredentialClaims {
  const known = parsedClaims.get(unverified);
  if (known !== undefined) return known;
  const parsed = claimsSchema.safeParse(unverified);
  if (!parsed.success) throw new CredentialError('claims_malformed');
  const claims = Object.freeze(parsed.data);
  parsedClaims.set(unverified, claims);
  return claims;
}

import { z } from 'zod';
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

/** @throws CredentialError `claims_malformed` */
export function parseClaims(unverified: unknown): CredentialClaims {
  const parsed = claimsSchema.safeParse(unverified);
  if (!parsed.success) throw new CredentialError('claims_malformed');
  return parsed.data;
}

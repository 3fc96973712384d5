import { importJWK, SignJWT } from 'jose';
import { z } from 'zod';
import type { Algorithm, PrivateJwk, PublicJwk } from './algorithms.ts';
import { parseCredential } from './compact.ts';
import { CredentialError } from './errors.ts';
import { thumbprint } from './key-record.ts';
import { CLOCK_SKEW_SECONDS } from './purposes.ts';
import { verifySignature } from './signature.ts';

const TYP = 'piped-possession+jwt';
const AUDIENCE = 'spanpass-control-plane';
const LIFE_SECONDS = 60;

const claimsSchema = z.object({
  aud: z.literal(AUDIENCE),
  iat: z.number().int().nonnegative(),
  exp: z.number().int().nonnegative(),
  jti: z.string().min(1).max(128),
  bound_to: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});

/**
 * Signs the proof that a new key is held by whoever asks for it to be accepted. `boundTo` is what the request is about
 * (the enrollment token, `<project>/<piped>`, or the kid being renewed); only its SHA-256 goes into the proof.
 */
export async function signPossession(
  key: { kid: string; alg: Algorithm; privateJwk: PrivateJwk },
  boundTo: string,
  now: () => number = Date.now,
): Promise<string> {
  const iat = Math.floor(now() / 1000);
  const claims = {
    aud: AUDIENCE,
    iat,
    exp: iat + LIFE_SECONDS,
    jti: crypto.randomUUID(),
    bound_to: await sha256(boundTo),
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: TYP })
    .sign(await importJWK(key.privateJwk, key.alg));
}

/**
 * Verifies a proof of possession against the public key that came with it, and returns the key's kid.
 *
 * @throws CredentialError `typ_mismatch`, `kid_mismatch`, `algorithm_mismatch`, `signature_invalid`, `claims_malformed`,
 *   `body_mismatch` (bound to something else), `lifetime_invalid`, `issued_in_future`, `expired`, and those of parsing
 */
export async function verifyPossession(
  proof: string,
  key: { alg: Algorithm; publicJwk: PublicJwk },
  boundTo: string,
  now: () => number = Date.now,
): Promise<string> {
  const parsed = parseCredential(proof);
  if (parsed.unverifiedHeader.typ !== TYP) throw new CredentialError('typ_mismatch');
  const kid = await thumbprint(key.publicJwk);
  if (parsed.unverifiedHeader.kid !== kid) throw new CredentialError('kid_mismatch');
  await verifySignature(proof, parsed, key);
  const claims = claimsSchema.safeParse(parsed.unverifiedClaims);
  if (!claims.success) throw new CredentialError('claims_malformed');
  const { iat, exp, bound_to } = claims.data;
  if (bound_to !== (await sha256(boundTo))) throw new CredentialError('body_mismatch');
  const nowSeconds = now() / 1000;
  if (!(exp > iat && exp - iat <= LIFE_SECONDS)) throw new CredentialError('lifetime_invalid');
  if (!(iat <= nowSeconds + CLOCK_SKEW_SECONDS)) throw new CredentialError('issued_in_future');
  if (!(nowSeconds < exp + CLOCK_SKEW_SECONDS)) throw new CredentialError('expired');
  return kid;
}

/** base64url SHA-256 of a text's UTF-8 bytes or of bytes: what `bodyHash` and `bound_to` hold. */
export async function sha256(data: string | Uint8Array): Promise<string> {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)).toString('base64url');
}

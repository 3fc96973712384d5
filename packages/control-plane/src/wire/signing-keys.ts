import { z } from 'zod';

/** What one of the control plane's own keys signs. No key has two purposes. */
export const SIGNING_PURPOSES = Object.freeze(['snapshot', 'access-token', 'audit'] as const);

export type SigningPurpose = (typeof SIGNING_PURPOSES)[number];

const MAX_DELAY_SECONDS = 30 * 86_400;

/** How long others may keep the public keys of access tokens before they ask again. */
export const JWKS_MAX_AGE_SECONDS = 300;

/** The longest life that an access token can be given. */
export const MAX_ACCESS_TOKEN_LIFE_SECONDS = 900;

/** A JWK Set (RFC 7517 section 5) of public keys. */
export const jwksSchema = z.object({
  keys: z.array(
    z.object({
      kty: z.literal('EC'),
      crv: z.literal('P-256'),
      x: z.string(),
      y: z.string(),
      kid: z.string(),
      alg: z.literal('ES256'),
      use: z.literal('sig'),
    }),
  ),
});

export type Jwks = z.infer<typeof jwksSchema>;

export const newSigningKeySchema = z.strictObject({
  signsInSeconds: z
    .number()
    .int()
    .min(0)
    .max(MAX_DELAY_SECONDS)
    .describe('how long auth servers have to pin the new key before it signs; 0 after the old one was stolen'),
});

export const rotateAccessTokenKeySchema = z.strictObject({
  signsInSeconds: z
    .number()
    .int()
    .min(0)
    .max(MAX_DELAY_SECONDS)
    .default(2 * JWKS_MAX_AGE_SECONDS)
    .describe('how long the new key is shown before it signs'),
  withdrawOthers: z
    .boolean()
    .default(false)
    .describe('after a theft: the new key signs at once, all others are forgotten, and what they signed is refused'),
});

/** The new key, and all that are shown, in the order in which they sign. */
export const rotatedKeySchema = jwksSchema.extend({ kid: z.string() });

export type RotatedKey = z.infer<typeof rotatedKeySchema>;

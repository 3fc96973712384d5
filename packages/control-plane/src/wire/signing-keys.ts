import { z } from 'zod';

/** What one of the control plane's own keys signs. No key has two purposes. */
export const SIGNING_PURPOSES = Object.freeze(['snapshot'] as const);

export type SigningPurpose = (typeof SIGNING_PURPOSES)[number];

const MAX_DELAY_SECONDS = 30 * 86_400;

/** A JWK Set (RFC 7517 section 5) of public keys. The first one signs; those behind it will. */
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

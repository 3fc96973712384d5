import { algorithmSchema, idSchema, scopesSchema } from '@spanpass/credential';
import { z } from 'zod';

const name = z.string().min(1).max(256);
const claim = z.union([name, z.array(name).min(1).max(16)]);

/** Tokens of one OpenID Connect issuer. */
export const oidcSettings = z.strictObject({
  kind: z.literal('oidc'),
  issuer: z.url({ protocol: /^https?$/ }),
  /** This gateway's name at the issuer, or several. */
  audience: z.union([name, z.array(name).min(1).max(16)]),
  /** Tells it from others of its kind. Default `oidc`. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be 1 to 32 of a-z 0-9 -')
    .optional(),
  jwksUri: z.url({ protocol: /^https?$/ }).optional(),
  algorithms: z.array(algorithmSchema).min(1).optional(),
  accessTokensOnly: z.boolean().optional(),
  /** How a token names its piped. Default: claims `project` and `sub`. */
  claims: z
    .strictObject({
      project: z.union([claim, z.strictObject({ fixed: idSchema })]).optional(),
      piped: claim.optional(),
      scopes: z.strictObject({ claim, prefix: z.string().max(256).optional() }).optional(),
    })
    .optional(),
  /** The projects that this issuer may speak for. Default all. */
  projects: z.array(idSchema).min(1).optional(),
  scopes: scopesSchema.optional(),
});

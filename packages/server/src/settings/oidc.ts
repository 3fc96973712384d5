import { algorithmSchema, idSchema, scopesSchema } from '@spanpass/credential';
import { z } from 'zod';

const name = z.string().min(1).max(256);
const claim = z.union([name, z.array(name).min(1).max(16)]);

export const oidcSettings = z
  .strictObject({
    kind: z.literal('oidc'),
    issuer: z.url({ protocol: /^https?$/ }).describe('Its `iss`, where its discovery document is.'),
    audience: z.union([name, z.array(name).min(1).max(16)]).describe("This gateway's name at the issuer, or several."),
    name: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be 1 to 32 of a-z 0-9 -')
      .optional()
      .describe('Tells it from others of its kind. Default: `oidc`.'),
    jwksUri: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('Where its keys are, instead of asking its discovery document.'),
    algorithms: z
      .array(algorithmSchema)
      .min(1)
      .optional()
      .describe('The algorithms that are taken. Default: all that are known.'),
    accessTokensOnly: z
      .boolean()
      .optional()
      .describe('Takes only tokens of the type `at+jwt` (RFC 9068). Default: `false`.'),
    claims: z
      .strictObject({
        project: z
          .union([claim, z.strictObject({ fixed: idSchema })])
          .optional()
          .describe('The claim, or a path of claims, or `{fixed: …}` for all. Default: `project`.'),
        piped: claim.optional().describe('The claim, or a path of claims. Default: `sub`.'),
        scopes: z
          .strictObject({
            claim: claim.describe('The claim.'),
            prefix: z.string().max(256).optional().describe('What stands before each signal there. Default: nothing.'),
          })
          .optional()
          .describe('A claim that lists signals, each behind the prefix.'),
      })
      .optional()
      .describe('How a token names its piped.'),
    projects: z
      .array(idSchema)
      .min(1)
      .optional()
      .describe('The projects that this issuer may speak for. Default: all.'),
    scopes: scopesSchema
      .optional()
      .describe('The signals that its pipeds may send, where no claim says. Default: `traces`.'),
  })
  .describe('Tokens of one OpenID Connect issuer.');

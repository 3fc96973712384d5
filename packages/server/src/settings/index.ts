import { scopesSchema } from '@spanpass/credential';
import { z } from 'zod';
import { mtlsSettings } from './mtls.ts';
import { oidcSettings } from './oidc.ts';
import { pipecdKeySettings } from './pipecd-key.ts';
import { pipedJwtSettings } from './piped-jwt.ts';

export { tlsSettings } from './tls.ts';

const authenticatorSettings = z.discriminatedUnion('kind', [
  pipedJwtSettings,
  pipecdKeySettings,
  oidcSettings,
  mtlsSettings,
]);

const chainSettings = z.array(authenticatorSettings).min(1).max(16);

/** The chain of authenticators as configured: asked in this order. Default `piped-jwt` alone. */
export const authenticatorsSettings = chainSettings.default([{ kind: 'piped-jwt' }]);

/** A rule to try beside the deciding ones: what of the chain, the audience and the scopes would be different. */
export const shadowSettings = z
  .strictObject({
    rule: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be 1 to 32 of a-z 0-9 -, a letter first')
      .describe('What metrics and logs call it.'),
    authenticators: chainSettings.optional().describe('Who is asked instead.'),
    gatewayAudience: z.string().min(1).max(256).optional().describe('What `piped-jwt` asks for.'),
    scopes: scopesSchema
      .optional()
      .describe('The signals that everybody may send. Default: what the piped is registered with.'),
    maxRunning: z
      .int()
      .min(1)
      .max(4096)
      .optional()
      .describe('Requests being tried at the same time. Default: 64; further ones are only counted.'),
  })
  .refine(
    ({ authenticators, gatewayAudience, scopes }) => authenticators ?? gatewayAudience ?? scopes,
    'needs authenticators, gatewayAudience or scopes: there is nothing to try',
  );

export type ShadowSettings = z.output<typeof shadowSettings>;

export type AuthenticatorsSettings = z.output<typeof authenticatorsSettings>;

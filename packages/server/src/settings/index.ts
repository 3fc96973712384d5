import { z } from 'zod';
import { mtlsSettings } from './mtls.ts';
import { oidcSettings } from './oidc.ts';
import { pipecdKeySettings } from './pipecd-key.ts';
import { pipedJwtSettings } from './piped-jwt.ts';

const authenticatorSettings = z.discriminatedUnion('kind', [
  pipedJwtSettings,
  pipecdKeySettings,
  oidcSettings,
  mtlsSettings,
]);

/** The chain of authenticators as configured: asked in this order. Default `piped-jwt` alone. */
export const authenticatorsSettings = z
  .array(authenticatorSettings)
  .min(1)
  .max(16)
  .default([{ kind: 'piped-jwt' }]);

export type AuthenticatorsSettings = z.output<typeof authenticatorsSettings>;

import { z } from 'zod';

export const pipedJwtSettings = z
  .strictObject({ kind: z.literal('piped-jwt') })
  .describe('Credentials that pipeds sign, with keys from the control plane.');

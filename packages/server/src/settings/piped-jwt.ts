import { z } from 'zod';

/** Credentials that pipeds sign, with keys from the control plane. */
export const pipedJwtSettings = z.strictObject({ kind: z.literal('piped-jwt') });

import { scopesSchema } from '@spanpass/credential';
import { z } from 'zod';

/** PipeCD's own keys, compared with the hashes in a file. */
export const pipecdKeySettings = z.strictObject({
  kind: z.literal('pipecd-key'),
  /** JSON list of PipeCD's `Piped` records. */
  file: z.string().min(1).max(4096),
  /** The signals that these pipeds may send. Default `traces`. */
  scopes: scopesSchema.optional(),
});

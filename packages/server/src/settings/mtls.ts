import { scopesSchema } from '@spanpass/credential';
import { z } from 'zod';

/** Client certificates, of the pipeds in a file. */
export const mtlsSettings = z.strictObject({
  kind: z.literal('mtls'),
  /** How a certificate names its piped: `spiffe://example.org/project/{project}/piped/{piped}`. */
  template: z.string().min(1).max(2048),
  /** JSON list of PipeCD's `Piped` records: who is registered and enabled. */
  file: z.string().min(1).max(4096),
  /** The signals that these pipeds may send. Default `traces`. */
  scopes: scopesSchema.optional(),
});

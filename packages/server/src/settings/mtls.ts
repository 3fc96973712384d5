import { scopesSchema } from '@spanpass/credential';
import { z } from 'zod';

export const mtlsSettings = z
  .strictObject({
    kind: z.literal('mtls'),
    template: z
      .string()
      .min(1)
      .max(2048)
      .describe('How a certificate names its piped: `spiffe://example.org/project/{project}/piped/{piped}`.'),
    file: z.string().min(1).max(4096).describe("JSON list of PipeCD's `Piped` records: who is registered and enabled."),
    scopes: scopesSchema.optional().describe('The signals that these pipeds may send. Default: `traces`.'),
  })
  .describe('Client certificates, of the pipeds in a file.');

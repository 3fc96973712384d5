import { scopesSchema } from '@spanpass/credential';
import { z } from 'zod';

export const pipecdKeySettings = z
  .strictObject({
    kind: z.literal('pipecd-key'),
    file: z.string().min(1).max(4096).describe("JSON list of PipeCD's `Piped` records."),
    scopes: scopesSchema.optional().describe('The signals that these pipeds may send. Default: `traces`.'),
  })
  .describe("PipeCD's own keys, compared with the hashes in a file.");

import { scopesSchema } from '@spanpass/credential';
import { z } from 'zod';

export const pipecdKeySettings = z
  .strictObject({
    kind: z.literal('pipecd-key'),
    file: z
      .string()
      .min(1)
      .max(4096)
      .optional()
      .describe("JSON list of PipeCD's `Piped` records. Default: what was imported into the control plane."),
    scopes: scopesSchema
      .optional()
      .describe('The signals that pipeds of the file may send. Default: `traces`; the control plane knows its own.'),
  })
  .refine(({ file, scopes }) => file !== undefined || scopes === undefined, {
    path: ['scopes'],
    message: 'is for pipeds of a file: the control plane knows the scopes of its own',
  })
  .describe("PipeCD's own keys, compared with hashes in the control plane, or in a file.");

import { idSchema, isBcryptHash, MAX_PIPECD_KEYS } from '@spanpass/credential';
import { z } from 'zod';
import { revisionSchema, statusSchema } from './keys.ts';
import { scopes } from './pipeds.ts';

/** Of one call. An import of more takes several. */
export const MAX_IMPORTED = 100;

const hashes = z
  .array(z.string().max(60).refine(isBcryptHash, 'must be a bcrypt hash of a cost from 4 to 14'))
  .max(MAX_PIPECD_KEYS)
  .describe('bcrypt hashes of its keys, the newest first');

export const importPipecdBodySchema = z.strictObject({
  pipeds: z
    .array(z.strictObject({ project: idSchema, piped: idSchema, disabled: z.boolean(), hashes }))
    .min(1)
    .max(MAX_IMPORTED),
  /** Says what it would do, and does nothing. */
  dryRun: z.boolean().default(false),
});

export type ImportPipecd = z.output<typeof importPipecdBodySchema>;

/**
 * What an import did to a piped.
 * - `registered`: it was not known, and has PipeCD's keys now
 * - `keys_changed`: it has others of PipeCD's keys than before, or none any more
 * - `unchanged`: it had just these
 */
export const IMPORT_OUTCOMES = Object.freeze(['registered', 'keys_changed', 'unchanged'] as const);

export const importedPipecdSchema = z.object({
  items: z.array(
    z.object({
      project: idSchema,
      piped: idSchema,
      outcome: z.enum(IMPORT_OUTCOMES),
      /** It is disabled in PipeCD and was active here, which it is no more. The other way round nothing is done. */
      disabledNow: z.boolean(),
      /** How many of PipeCD's keys it has now. */
      pipecdKeys: z.number().int().nonnegative(),
    }),
  ),
});

export type ImportedPipecd = z.infer<typeof importedPipecdSchema>;

/** What an auth server compares PipeCD's own keys with. */
export const pipecdRecordSchema = z.object({
  project: idSchema,
  piped: idSchema,
  pipedStatus: statusSchema,
  projectStatus: statusSchema,
  scopes,
  hashes,
  revision: revisionSchema,
});

export type PipecdRecord = z.infer<typeof pipecdRecordSchema>;

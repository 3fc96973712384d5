import { idSchema, kidSchema } from '@spanpass/credential';
import { z } from 'zod';
import { seconds } from './time.ts';

export const MAX_REPORTED = 500;

/**
 * What an auth server has seen since its last report. Only keys that the control plane told it of are named; what did
 * not fit is counted in `dropped`.
 */
export const usageReportSchema = z.strictObject({
  keys: z.array(z.strictObject({ kid: kidSchema, lastUsedAt: seconds })).max(MAX_REPORTED),
  refusals: z
    .array(
      z.strictObject({
        /** Of the key that signed or, unless `verified`, that the credential named. */
        kid: kidSchema,
        verified: z.boolean(),
        count: z.number().int().min(1).max(1_000_000_000),
        lastReason: z.string().regex(/^[a-z0-9_]{1,64}$/, 'must be a refusal code'),
        lastAt: seconds,
      }),
    )
    .max(MAX_REPORTED),
  /** Of pipeds that were known by something else than their own key. */
  pipeds: z
    .array(
      z.strictObject({
        project: idSchema,
        piped: idSchema,
        authenticator: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be the name of an authenticator'),
        lastUsedAt: seconds,
      }),
    )
    .max(MAX_REPORTED)
    .default([]),
  dropped: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
});

export type UsageReport = z.infer<typeof usageReportSchema>;

/** How many entries were of keys and pipeds that are there. */
export const usageAnswerSchema = z.object({ taken: z.number().int().nonnegative() });

import { algorithmSchema, idSchema, type KeyFile, type KeyRecord, kidSchema, scopesSchema } from '@spanpass/credential';
import { z } from 'zod';
import { seconds } from './time.ts';

const jwk = z.record(z.string().max(16), z.string().max(1024));
const proof = z.string().min(1).max(8192).describe('possession proof: a JWT that the new key signed');

export const statusSchema = z.enum(['active', 'disabled']);

export type Status = z.infer<typeof statusSchema>;

export const keyStatusSchema = z.enum(['active', 'retired', 'revoked']);

export type KeyStatus = z.infer<typeof keyStatusSchema>;

export const revisionSchema = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);

const keyRecord = z.object({
  v: z.literal(1),
  kid: kidSchema,
  alg: algorithmSchema,
  project: idSchema,
  piped: idSchema,
  publicJwk: jwk as unknown as z.ZodType<KeyRecord['publicJwk']>,
  scopes: scopesSchema,
  keyStatus: keyStatusSchema,
  pipedStatus: statusSchema,
  projectStatus: statusSchema,
  notBefore: seconds,
  notAfter: seconds,
  revision: revisionSchema,
});

/** The shape alone. Whoever receives one checks it with `parseKeyRecord`, which knows keys and thumbprints as well. */
export const keyRecordSchema: z.ZodType<KeyRecord> = keyRecord;

/** A key record, with what is known beside it. */
export type ListedKey = KeyRecord & { readonly lastUsedAt?: number | undefined };

export const listedKeySchema: z.ZodType<ListedKey> = keyRecord.extend({
  /** When it was last good for something, as auth servers report it every now and then. Absent: never, or none has. */
  lastUsedAt: seconds.optional(),
});

/** The shape alone; see `parseKeyFile`. */
export const keyFileSchema: z.ZodType<KeyFile> = z.object({
  v: z.literal(1),
  kid: kidSchema,
  alg: algorithmSchema,
  project: idSchema,
  piped: idSchema,
  audience: z.string(),
  controlPlane: z.string(),
  notAfter: seconds,
  issuedAt: seconds.optional(),
  privateJwk: jwk as unknown as z.ZodType<KeyFile['privateJwk']>,
});

/** Either `generate`, or all of `publicJwk`, `alg` and `proof`. */
export const createKeyBodySchema = z
  .strictObject({
    generate: z.literal(true).optional(),
    alg: algorithmSchema.optional(),
    publicJwk: jwk.optional(),
    proof: proof.optional(),
  })
  .superRefine((body, context) => {
    const members = ['publicJwk', 'proof'] as const;
    for (const member of members) {
      const present = body[member] !== undefined;
      if (body.generate && present) context.addIssue({ code: 'custom', path: [member], message: 'excludes generate' });
      if (!body.generate && !present) {
        context.addIssue({ code: 'custom', path: [member], message: 'is required unless generate is true' });
      }
    }
    if (!body.generate && body.alg === undefined) {
      context.addIssue({ code: 'custom', path: ['alg'], message: 'is required unless generate is true' });
    }
  });

export const createdKeySchema = z.object({ record: keyRecordSchema, keyFile: keyFileSchema.optional() });

export const keyListSchema = z.object({ items: z.array(listedKeySchema), next: z.string().optional() });

export const enrollBodySchema = z.strictObject({
  enrollmentToken: z.string().min(1).max(512),
  publicJwk: jwk,
  alg: algorithmSchema,
  proof,
});

export const renewBodySchema = z.strictObject({ publicJwk: jwk, alg: algorithmSchema, proof });

export const renewedSchema = z.object({ record: keyRecordSchema });

export const enrolledSchema = z.object({
  record: keyRecordSchema,
  gatewayAudience: z.string(),
  controlPlane: z.string(),
});

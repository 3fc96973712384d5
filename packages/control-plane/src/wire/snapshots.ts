import { kidSchema, MAX_SNAPSHOT_RECORDS } from '@spanpass/credential';
import { z } from 'zod';
import { keyRecordSchema } from './keys.ts';

export const snapshotBodySchema = z.strictObject({ kids: z.array(kidSchema).max(MAX_SNAPSHOT_RECORDS) });

export const snapshotSchema = z.object({ v: z.literal(1), records: z.array(keyRecordSchema) });

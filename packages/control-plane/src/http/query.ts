import { z } from 'zod';

/** Digits alone: what JavaScript else takes for a number is no number to anyone else. */
export const wholeNumberSchema = z
  .string()
  .regex(/^\d{1,15}$/, 'must be a whole number')
  .transform(Number);

/** How many items a page has. Default 1000, which is also the most. */
export const limitSchema = wholeNumberSchema
  .pipe(z.number().min(1, 'must be from 1 to 1000').max(1000, 'must be from 1 to 1000'))
  .default(1000);

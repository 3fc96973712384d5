import { z } from 'zod';
import type { Page } from '../registry/page.ts';

/** Digits alone: what JavaScript else takes for a number is no number to anyone else. */
export const wholeNumberSchema = z
  .string()
  .regex(/^\d{1,15}$/, 'must be a whole number')
  .transform(Number);

/** NumericDate seconds, up to the last that a Date knows. */
export const timeSchema = wholeNumberSchema.pipe(z.number().max(8.64e12, 'must be NumericDate seconds'));

/** How many items a page has. Default 1000, which is also the most. */
export const limitSchema = wholeNumberSchema
  .pipe(z.number().min(1, 'must be from 1 to 1000').max(1000, 'must be from 1 to 1000'))
  .default(1000);

/**
 * Where a page begins, as the page before said in `next`: opaque to callers, who are told of a place in another list
 * that it is none in this one.
 *
 * @param list its name, which is part of the text
 * @param key what the list is ordered by, of the last item of the page before
 */
export function afterSchema<T>(list: string, key: z.ZodType<T>) {
  const message = 'must be the `next` of another page of this list';
  return z
    .string()
    .max(1024, message)
    .regex(/^[\w-]+$/, message)
    .transform((text, context) => {
      const parsed = z.tuple([z.literal(list), key]).safeParse(parseOrUndefined(text));
      if (parsed.success) return parsed.data[1];
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    })
    .optional()
    .describe('the `next` of the page before');
}

/** A page as it is sent, with the place where the next one begins if there is one. */
export function pageOf<T, K>(list: string, { items, next }: Page<T, K>): { items: T[]; next?: string } {
  if (next === undefined) return { items };
  return { items, next: Buffer.from(JSON.stringify([list, next])).toString('base64url') };
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return undefined;
  }
}

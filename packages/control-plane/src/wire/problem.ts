import { z } from 'zod';

/** An RFC 9457 problem document; `code` is stable, and so is `type`, which is made of it. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.string(),
});

export type Problem = z.infer<typeof problemSchema>;

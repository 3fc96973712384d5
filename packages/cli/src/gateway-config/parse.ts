import type { z } from 'zod';

/**
 * Options with their defaults filled in.
 *
 * @throws {TypeError} one line that names each wrong option
 */
export function parseOptions<Schema extends z.ZodType>(
  where: string,
  schema: Schema,
  options: z.input<Schema>,
): z.output<Schema> {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${path.join('.') || 'options'}: ${message}`);
  throw new TypeError(`${where}: ${problems.join('; ')}`);
}

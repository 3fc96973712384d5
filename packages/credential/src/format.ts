import type { z } from 'zod';
import { FormatError } from './errors.ts';

/** Reads one of spanpass's versioned formats. The message names the member at fault, never a value: it may be secret. */
export function parseVersioned<T extends z.ZodType<{ v: 1 }>>(what: string, schema: T, input: unknown): z.output<T> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new FormatError('invalid_format', `${what}: not a JSON object`);
  }
  const version: unknown = (input as { v?: unknown }).v;
  if (version !== 1) {
    throw new FormatError('unknown_version', `${what}: this spanpass reads version 1 of the format, not this one`);
  }
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const member = issue?.path.join('.') || 'members';
  const problem = issue?.code === 'unrecognized_keys' ? 'has unknown members' : 'is missing or malformed';
  throw new FormatError('invalid_format', `${what}: ${member} ${problem}`);
}

import { FormatError, idSchema, type Signal } from '@spanpass/credential';
import { z } from 'zod';
import { isBcryptHash, MAX_KEYS } from './record.ts';

/** The members of PipeCD's `Piped` that decide on its credentials (its `pkg/model/piped.proto`); others are not looked at. */
const pipedSchema = z.object({
  id: idSchema,
  project_id: idSchema,
  keys: z
    .array(z.object({ hash: z.string().refine(isBcryptHash), created_at: z.number().default(0) }))
    .max(MAX_KEYS)
    .default([]),
  disabled: z.boolean().default(false),
});

/** What an export says of one piped. */
export interface ExportedPiped {
  readonly project: string;
  readonly piped: string;
  readonly disabled: boolean;
  /** Newest first. */
  readonly hashes: readonly string[];
}

/**
 * Reads a JSON list of PipeCD's `Piped` records, as its datastore holds them; from MySQL
 * `SELECT JSON_ARRAYAGG(data) FROM Piped` gives it. Its API redacts the hashes, so what it lists is no use.
 *
 * @throws FormatError `invalid_format`, naming the entry and the member, never a value
 */
export function parsePipecdExport(text: string, maxPipeds: number): ExportedPiped[] {
  const entries = parseList(text);
  if (entries.length > maxPipeds) throw invalid(`more than ${maxPipeds} entries`);
  const seen = new Set<string>();
  return entries.map((entry, index) => {
    const parsed = pipedSchema.safeParse(entry);
    if (!parsed.success) {
      const member = parsed.error.issues[0]?.path.join('.') || 'it';
      throw invalid(`entry ${index}: ${member} is missing, malformed, redacted or too many`);
    }
    const { id: piped, project_id: project, disabled, keys } = parsed.data;
    const name = pipedName(project, piped);
    if (seen.has(name)) throw invalid(`entry ${index}: the same piped a second time`);
    seen.add(name);
    const hashes = keys.toSorted((a, b) => b.created_at - a.created_at).map(({ hash }) => hash);
    return { project, piped, disabled, hashes };
  });
}

/** One text per piped: no id holds a comma. */
export function pipedName(project: string, piped: string): string {
  return `${project},${piped}`;
}

/** What PipeCD's own gateway lets through. */
export const PIPECD_SCOPES: readonly Signal[] = Object.freeze(['traces']);

function parseList(text: string): unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('not JSON');
  }
  if (!Array.isArray(value)) throw invalid('not a list');
  return value;
}

function invalid(problem: string): FormatError {
  return new FormatError('invalid_format', `PipeCD export: ${problem}`);
}

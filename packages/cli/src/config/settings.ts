import { readFile } from 'node:fs/promises';
import { isMap, LineCounter, parse, parseDocument, type YAMLMap } from 'yaml';
import type { z } from 'zod';
import { oneLine, wrongUsage } from '../failure.ts';

/** A schema of settings: one object, one level deep, each key a setting. */
type SettingsSchema = z.ZodObject;

export interface SettingsSources {
  /** A YAML file of the settings; its keys are the schema's. */
  readonly file?: string | undefined;
  /** Where `SPANPASS_…` is read from; it wins over the file. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Reads settings: `camelCase` keys of a YAML file, each also as `SPANPASS_CAMEL_CASE` in the environment, which wins.
 * An empty variable counts as absent.
 *
 * @throws Failure one line with the file and line, or the variable, that is at fault; never its value
 */
export async function loadSettings<T extends SettingsSchema>(
  schema: T,
  sources: SettingsSources,
): Promise<z.output<T>> {
  const file = sources.file === undefined ? undefined : await readSettingsFile(sources.file, schema);
  const values: Record<string, unknown> = { ...file?.values };
  const fromEnv = new Set<string>();
  for (const key of Object.keys(schema.shape)) {
    const text = sources.env[environmentName(key)];
    if (text === undefined || text === '') continue;
    values[key] = readText(schema.shape[key] as z.ZodType, text);
    fromEnv.add(key);
  }
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const key = String(issue?.path[0] ?? '');
  const where = fromEnv.has(key) ? environmentName(key) : (file?.where(key) ?? 'settings');
  throw wrongUsage(`${where}: ${issue?.path.join('.') || 'settings'}: ${issue?.message ?? 'invalid'}`);
}

/** `listenPort` → `SPANPASS_LISTEN_PORT`. */
export function environmentName(key: string): string {
  return `SPANPASS_${key.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()}`;
}

/** Text as it is where the setting takes it so, else what YAML makes of it (a number, a boolean, a list). */
function readText(schema: z.ZodType, text: string): unknown {
  if (schema.safeParse(text).success) return text;
  try {
    return parse(text);
  } catch {
    return text;
  }
}

async function readSettingsFile(path: string, schema: SettingsSchema) {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw wrongUsage(`can't read the configuration: ${oneLine(error)}`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [problem] = document.errors;
  if (problem) throw wrongUsage(`${path}:${lines.linePos(problem.pos[0]).line}: ${oneLine(problem)}`);
  const { contents } = document;
  if (contents === null) return { values: {}, where: () => path };
  if (!isMap(contents)) throw wrongUsage(`${path}: must be a mapping of settings`);
  const keyLines = linesOfKeys(contents, lines);
  for (const [key, line] of keyLines) {
    if (Object.hasOwn(schema.shape, key)) continue;
    const known = Object.keys(schema.shape).sort().join(', ');
    throw wrongUsage(`${path}:${line}: unknown setting '${key}'; there are: ${known}`);
  }
  return {
    values: document.toJS() as Record<string, unknown>,
    where: (key: string) => (keyLines.has(key) ? `${path}:${keyLines.get(key)}` : path),
  };
}

function linesOfKeys(map: YAMLMap, lines: LineCounter): Map<string, number> {
  return new Map(
    map.items.map(({ key }) => {
      const { value, range } = key as { value?: unknown; range?: [number, number, number] };
      return [String(value), lines.linePos(range?.[0] ?? 0).line];
    }),
  );
}

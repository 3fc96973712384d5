/** As much of JSON Schema as the settings need. */
export interface JsonSchema {
  readonly type?: string;
  readonly format?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
}

/** A zod schema. */
interface SettingsSchema {
  toJSONSchema(options: { io: 'input' | 'output'; unrepresentable: 'any'; reused: 'inline' }): object;
}

/** What may be written; where a schema first makes something of what is written, what it makes of it. */
export function jsonSchemaOf(schema: SettingsSchema): JsonSchema {
  const [input, output] = (['input', 'output'] as const).map(
    io => schema.toJSONSchema({ io, unrepresentable: 'any', reused: 'inline' }) as JsonSchema,
  );
  const properties = Object.entries(input?.properties ?? {}).map(([key, setting]) => {
    const isKnown = setting.type ?? setting.oneOf ?? setting.anyOf ?? setting.enum;
    return [key, isKnown === undefined ? (output?.properties?.[key] ?? setting) : setting] as const;
  });
  return { ...input, properties: Object.fromEntries(properties) };
}

/** In a few words: `whole number 0 to 65535`, `list of text`, `info or debug`. */
export function typeOf(schema: JsonSchema): string {
  const alternatives = schema.oneOf ?? schema.anyOf;
  if (alternatives) return [...new Set(alternatives.map(typeOf))].join(' or ');
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.enum) return schema.enum.map(value => `\`${String(value)}\``).join(' or ');
  if (schema.type === 'array') return `list of ${schema.items ? typeOf(schema.items) : 'anything'}`;
  if (schema.type === 'integer' || schema.type === 'number') {
    return `${schema.type === 'integer' ? 'whole number' : 'number'}${rangeOf(schema)}`;
  }
  if (schema.type === 'string') return schema.format === 'uri' ? 'URL' : 'text';
  return { boolean: '`true` or `false`', object: 'mapping' }[schema.type ?? ''] ?? 'anything';
}

function rangeOf({ minimum, maximum }: JsonSchema): string {
  const [from, to] = [minimum, maximum].map(bound => (Math.abs(bound ?? Infinity) >= 2 ** 53 - 1 ? undefined : bound));
  if (from !== undefined && to !== undefined) return ` ${from} to ${to}`;
  return from === undefined ? (to === undefined ? '' : ` up to ${to}`) : ` from ${from}`;
}

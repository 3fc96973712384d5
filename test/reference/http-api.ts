import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repoRoot } from '../engines/root.ts';
import { type JsonSchema, typeOf } from './json-schema.ts';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}
interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: JsonSchema }>>;
}
interface Operation {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Content;
  readonly security?: readonly object[];
  readonly responses: Readonly<Record<string, Content & { readonly description?: string }>>;
}
interface Document {
  readonly info: { readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** The reference page of the control plane's HTTP API, made from the document that its routes are registered with. */
export function httpApiPage(): string {
  const file = join(repoRoot, 'packages', 'control-plane', 'openapi.json');
  const { info, paths } = JSON.parse(readFileSync(file, 'utf8')) as Document;
  const calls = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
  );
  const tags = [...new Set(calls.map(({ operation }) => operation.tags?.[0] ?? 'others'))];
  return [
    '# The HTTP API',
    '',
    info.description,
    'What all calls share (roles, tokens, lists, repeats, errors) is in [calling the control plane](control-plane-api.md).',
    'The same as [OpenAPI](../../packages/control-plane/openapi.json), and at `/openapi.json` of each control plane.',
    '',
    ...tags.flatMap(tag => [
      `## ${tag.slice(0, 1).toUpperCase()}${tag.slice(1)}`,
      '',
      ...calls.filter(({ operation }) => (operation.tags?.[0] ?? 'others') === tag).flatMap(section),
    ]),
  ].join('\n');
}

function section({ name, operation }: { name: string; operation: Operation }): string[] {
  const { summary, parameters = [], requestBody, security, responses } = operation;
  const body = schemaOf(requestBody);
  return [
    `### \`${name}\``,
    '',
    ...(summary === undefined ? [] : [summary, '']),
    ...(security === undefined ? ['Needs no token.', ''] : []),
    ...table(
      ['parameter', 'in', 'type', 'means'],
      parameters.map(each => [
        `\`${each.name}\`${each.required ? '' : ' (optional)'}`,
        each.in,
        shortType(each.schema),
        each.description ?? '',
      ]),
    ),
    ...(body === undefined ? [] : members('body', body)),
    ...Object.entries(responses)
      .filter(([status]) => /^2/.test(status))
      .flatMap(([status, response]) => {
        const schema = schemaOf(response);
        return schema === undefined ? [`Answers ${status}.`, ''] : members(`${status}`, schema);
      }),
  ];
}

function schemaOf(holder: Content | undefined): JsonSchema | undefined {
  return Object.values(holder?.content ?? {})[0]?.schema;
}

/** The members of an object, those of what is in it too: `items[].record.kid`. */
function members(title: string, schema: JsonSchema): string[] {
  const rows = rowsOf('', schema);
  if (rows.length === 0) return [`${title}: ${shortType(schema)}.`, ''];
  return table([title, 'type', 'means'], rows);
}

function rowsOf(path: string, schema: JsonSchema): string[][] {
  const alternatives = schema.oneOf ?? schema.anyOf;
  if (alternatives?.some(each => each.properties !== undefined)) {
    const rows = alternatives.flatMap(each => rowsOf(path, each));
    return [...new Map(rows.map(cells => [cells.join('|'), cells])).values()];
  }
  if (schema.type === 'array' && schema.items?.properties !== undefined) return rowsOf(`${path}[]`, schema.items);
  return Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const name = path === '' ? key : `${path}.${key}`;
    const below = rowsOf(name, value);
    const optional = schema.required?.includes(key) || schema.required === undefined ? '' : ' (optional)';
    return [[`\`${name}\`${optional}`, shortType(value), value.description ?? ''], ...below];
  });
}

function shortType(schema: JsonSchema): string {
  const type = typeOf(schema);
  return type === 'list of mapping' ? 'list' : type;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const line = (cells: readonly string[]) =>
    `| ${cells.map(cell => cell.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''];
}

import { authServerSettings, controlPlaneSettings, environmentName, LIVE_SETTINGS } from 'spanpass/settings';
import { type JsonSchema, jsonSchemaOf, typeOf } from './json-schema.ts';

/** The reference page of all settings, made from the schemas that read them. */
export function settingsPage(): string {
  return [
    '# Settings',
    '',
    '`spanpass server` and `spanpass control-plane` read a YAML file (`--config FILE`), and each setting from the environment too,',
    'which wins. What is a list or a mapping in the file is YAML there as well: `SPANPASS_TLS={certFile: /tls.crt, keyFile: /tls.key}`.',
    'An empty variable counts as absent. A setting that nobody knows is refused, with its line.',
    '',
    '## `spanpass server`',
    '',
    'Those marked *live* change while the server runs: on SIGHUP, and within two seconds of a change of the file. See',
    '[changing a running server](../operations/changing-a-running-server.md).',
    '',
    ...table('server', { schema: jsonSchemaOf(authServerSettings), live: new Set<string>(LIVE_SETTINGS) }),
    '## `spanpass control-plane`',
    '',
    ...table('control-plane', { schema: jsonSchemaOf(controlPlaneSettings), live: new Set<string>() }),
  ].join('\n');
}

interface TableOptions {
  readonly schema: JsonSchema;
  readonly live: ReadonlySet<string>;
}

function table(command: string, { schema, live }: TableOptions): string[] {
  const settings = Object.entries(schema.properties ?? {});
  const rows = settings.map(([key, setting]) =>
    row([
      `<a id="${command}-${key}"></a>\`${key}\`<br>\`${environmentName(key)}\``,
      typeOf(setting),
      defaultOf(setting),
      `${setting.description ?? ''}${live.has(key) ? ' *Live.*' : ''}`,
    ]),
  );
  const parts = settings.flatMap(([key, setting]) => membersOf(key, setting));
  return [row(['setting', 'type', 'default', 'meaning']), row(['---', '---', '---', '---']), ...rows, '', ...parts];
}

/** Tables of what is in a mapping, or in the members of a list of mappings. */
function membersOf(name: string, schema: JsonSchema): string[] {
  const mappings = [schema, ...(schema.items ? alternativesOf(schema.items) : [])].filter(one => one.properties);
  return mappings.flatMap(mapping => {
    const { kind, ...members } = mapping.properties ?? {};
    const title = kind?.const === undefined ? `\`${name}\`` : `\`${name}\` of the kind \`${String(kind.const)}\``;
    const entries = Object.entries(members);
    // What is told once is not told again: the chain of a rule that is tried has the same kinds.
    const untold = entries.filter(([, one]) => kind !== undefined || !hasKinds(one));
    const nested = untold.flatMap(([key, one]) => membersOf(`${name}.${key}`, one));
    const description = kind === undefined ? [] : [mapping.description ?? '', ''];
    const rows = entries.map(([key, one]) =>
      row([`\`${key}\``, typeOf(one), defaultOf(one, mapping.required?.includes(key)), one.description ?? '']),
    );
    const lines = [row(['member', 'type', 'default', 'meaning']), row(['---', '---', '---', '---']), ...rows, ''];
    return [`### ${title}`, '', ...description, ...(rows.length > 0 ? lines : []), ...nested];
  });
}

function hasKinds({ items }: JsonSchema): boolean {
  return items !== undefined && alternativesOf(items).some(one => one.properties?.kind !== undefined);
}

function alternativesOf(schema: JsonSchema): readonly JsonSchema[] {
  return schema.oneOf ?? schema.anyOf ?? [schema];
}

function defaultOf(schema: JsonSchema, isRequired = false): string {
  if (isRequired) return 'required';
  return schema.default === undefined ? '' : `\`${JSON.stringify(schema.default)}\``;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

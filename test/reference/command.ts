import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { repoRoot } from '../engines/root.ts';

/** As much of commander's `Option` and `Command` as the page needs. */
interface Option {
  readonly flags: string;
  readonly description: string;
  readonly hidden: boolean;
  readonly mandatory: boolean;
  readonly defaultValue: unknown;
  readonly argChoices?: readonly string[];
}
interface Argument {
  readonly description: string;
  readonly required: boolean;
  readonly variadic: boolean;
  name(): string;
}
interface Command {
  readonly options: readonly Option[];
  readonly commands: readonly Command[];
  readonly registeredArguments: readonly Argument[];
  name(): string;
  description(): string;
  configureOutput(output: { writeOut(text: string): void }): void;
  outputHelp(): void;
}

interface Program {
  createProgram(io: object): Command;
}

/** The reference page of the command: every call, made from the definition that reads the command line. */
export async function commandPage(): Promise<string> {
  // No export of the package: nobody else needs the definition.
  const built = pathToFileURL(join(repoRoot, 'packages', 'cli', 'dist', 'program.js')).href;
  const { createProgram } = (await import(built)) as Program;
  const stream = new PassThrough();
  const io = { stdin: stream, stdout: stream, stderr: stream, env: {}, stop: new AbortController().signal };
  const calls = callsOf(createProgram(io), []);
  return [
    '# The command',
    '',
    '`spanpass`, or `npx spanpass` in a checkout. Every call has `--help`, with examples.',
    '',
    '- **Exit codes**: 0 done; 1 refused or failed; 2 wrong usage. An error is one line on standard error that says what to do.',
    '- **`--json`** prints one JSON value on standard output, and nothing else there.',
    '- **The admin token** comes from `SPANPASS_ADMIN_TOKEN`, or else from `<data-dir>/admin-token`.',
    '- Servers take [settings](settings.md) from a file and from the environment.',
    '',
    '| call | does |',
    '| --- | --- |',
    ...calls.map(({ path, command }) => row([`[\`spanpass ${path}\`](#${anchor(path)})`, command.description()])),
    '',
    ...calls.flatMap(call => section(call)),
  ].join('\n');
}

interface Call {
  /** `key revoke`. */
  readonly path: string;
  readonly command: Command;
}

function callsOf(command: Command, above: readonly string[]): Call[] {
  return command.commands.flatMap(sub => {
    const words = [...above, sub.name()];
    const below = callsOf(sub, words);
    // A group alone does nothing; `control-plane` has calls below it and is one.
    const isCall = below.length === 0 || sub.options.length > 0;
    return [...(isCall ? [{ path: words.join(' '), command: sub }] : []), ...below];
  });
}

function section({ path, command }: Call): string[] {
  const args = command.registeredArguments;
  const synopsis = ['spanpass', path, ...args.map(placeOf), ...(command.options.length > 0 ? ['[options]'] : [])];
  const options = command.options.filter(({ hidden }) => !hidden);
  const examples = examplesOf(command);
  return [
    `## spanpass ${path}`,
    '',
    sentence(command.description()),
    '',
    '```text',
    synopsis.join(' '),
    '```',
    '',
    ...(args.length + options.length > 0 ? ['| argument or option | means | default |', '| --- | --- | --- |'] : []),
    ...args.map(each => row([`\`${placeOf(each)}\``, each.description, ''])),
    ...options.map(each => row([`\`${each.flags}\``, meaningOf(each), defaultOf(each)])),
    '',
    ...(examples.length > 0 ? ['```text', ...examples, '```', ''] : []),
  ];
}

const placeOf = (argument: Argument) => {
  const name = argument.name() + (argument.variadic ? '...' : '');
  return argument.required ? `<${name}>` : `[${name}]`;
};

function meaningOf({ description, argChoices, mandatory }: Option): string {
  const choices = argChoices === undefined ? '' : ` One of ${argChoices.map(choice => `\`${choice}\``).join(', ')}.`;
  return `${sentence(description)}${choices}${mandatory ? ' **Required.**' : ''}`.trim();
}

function defaultOf({ defaultValue }: Option): string {
  return defaultValue === undefined ? '' : `\`${[defaultValue].flat().join(' ')}\``;
}

/** What its help ends with. */
function examplesOf(command: Command): string[] {
  let help = '';
  command.configureOutput({ writeOut: text => (help += text) });
  command.outputHelp();
  const [, examples = ''] = help.split('\nExamples:\n');
  return examples
    .trimEnd()
    .split('\n')
    .filter(line => line.startsWith('  '))
    .map(line => line.slice(2));
}

const anchor = (path: string) => `spanpass-${path.replaceAll(' ', '-')}`;

function sentence(text: string): string {
  if (text === '') return '';
  const first = text.slice(0, 1).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

function row(cells: readonly string[]): string {
  return `| ${cells
    .map(cell =>
      cell
        .replaceAll('|', '\\|')
        .replaceAll('<data-dir>', '`<data-dir>`')
        .replaceAll(/\s*\n\s*/g, ' '),
    )
    .join(' | ')} |`;
}

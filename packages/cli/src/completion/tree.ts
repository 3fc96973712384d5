import type { Command, Option } from 'commander';

/** One place on the command line: behind which words, and what may follow. */
export interface Place {
  /** `''` for the program itself, else such as `key create`. */
  readonly path: string;
  readonly commands: readonly Named[];
  readonly options: readonly CompletedOption[];
}

export interface Named {
  readonly name: string;
  readonly description: string;
}

export interface CompletedOption extends Named {
  /** With its dashes. */
  readonly name: string;
  /** What follows it: nothing, one of some words, a path, or something that nobody can guess. */
  readonly value: 'none' | 'path' | 'any' | readonly string[];
}

/** All places of a program, as completion scripts need them. */
export function placesOf(program: Command): Place[] {
  return walk(program, '');
}

function walk(command: Command, path: string): Place[] {
  const commands = command.commands.map(sub => ({ name: sub.name(), description: sub.description() }));
  const options = [
    ...command.options.filter(({ hidden }) => !hidden).map(completed),
    { name: '--help', description: 'display help for command', value: 'none' as const },
  ];
  const below = command.commands.flatMap(sub => walk(sub, path === '' ? sub.name() : `${path} ${sub.name()}`));
  const argument = command.registeredArguments[0]?.argChoices;
  const words = argument?.map(name => ({ name, description: '' })) ?? [];
  return [{ path, commands: [...commands, ...words], options }, ...below];
}

function completed({ long, short, flags, description, argChoices }: Option): CompletedOption {
  const name = long ?? short ?? '';
  if (argChoices !== undefined) return { name, description, value: argChoices };
  const [, what] = /[<[]([^>\]]+)[>\]]/.exec(flags) ?? [];
  if (what === undefined) return { name, description, value: 'none' };
  return { name, description, value: /file|dir|folder|path/.test(what) ? 'path' : 'any' };
}

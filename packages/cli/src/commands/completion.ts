import { Argument, Command } from 'commander';
import { bashScript } from '../completion/bash.ts';
import { fishScript } from '../completion/fish.ts';
import { type Place, placesOf } from '../completion/tree.ts';
import { zshScript } from '../completion/zsh.ts';
import { type Io, printResult } from '../io.ts';
import { examples, type JsonOption, withJson } from './options.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const satisfies Record<
  string,
  (program: string, places: readonly Place[]) => string
>;

type Shell = keyof typeof SCRIPTS;

/** `spanpass completion <shell>`: made of the commands that there are, so it can't lag behind them. */
export function completionCommand(io: Io, program: () => Command): Command {
  return withJson(new Command('completion'))
    .description('print a script that completes commands, options and their values in a shell')
    .addArgument(new Argument('<shell>').choices(Object.keys(SCRIPTS)))
    .addHelpText(
      'after',
      examples(
        'source <(spanpass completion bash)',
        'spanpass completion zsh > ~/.zsh/completions/_spanpass',
        'spanpass completion fish > ~/.config/fish/completions/spanpass.fish',
      ),
    )
    .action(async (shell: Shell, { json }: JsonOption) => {
      const script = SCRIPTS[shell](program().name(), placesOf(program()));
      await printResult(io, json, { shell, script }, () => script);
    });
}

import { Command, InvalidArgumentError, Option } from 'commander';
import { connectAdmin } from '../admin/connect.ts';
import { type Io, printResult } from '../io.ts';
import { type AdminOptions, examples, withAdmin } from './options.ts';

const DEFAULT_SECONDS = 600;

interface RotateFlags extends AdminOptions {
  readonly in?: number;
  readonly withdrawOthers?: true;
}

/** `spanpass control-plane rotate-signing-key`: the key of access tokens, before its time. */
export function rotateSigningKeyCommand(io: Io): Command {
  return withAdmin(new Command('rotate-signing-key'))
    .description('make a new key for access tokens, which is shown to verifiers at once and signs after a while')
    .addOption(
      new Option(
        '--in <seconds>',
        `when it signs (default: ${DEFAULT_SECONDS}, by when verifiers have fetched it)`,
      ).argParser(wholeSeconds),
    )
    .addOption(
      new Option(
        '--withdraw-others',
        'after a theft: it signs at once, and whatever other keys signed is refused',
      ).conflicts('in'),
    )
    .addHelpText(
      'after',
      examples(
        'spanpass control-plane rotate-signing-key',
        'spanpass control-plane rotate-signing-key --withdraw-others',
      ),
    )
    .action(async (_: RotateFlags, command: Command) => {
      // The command above takes --json too, and keeps it.
      const flags = command.optsWithGlobals<RotateFlags>();
      const admin = await connectAdmin(io, flags);
      const withdrawOthers = flags.withdrawOthers ?? false;
      const signsInSeconds = flags.in ?? (withdrawOthers ? 0 : DEFAULT_SECONDS);
      const { kid, keys } = await admin.rotateSigningKey({ signsInSeconds, withdrawOthers });
      await printResult(io, flags.json, { kid, signsInSeconds, keys }, () =>
        [
          `The key ${kid} signs access tokens ${signsInSeconds === 0 ? 'from now on' : `in ${signsInSeconds} s`}.`,
          ...(withdrawOthers
            ? ['All others are withdrawn; verifiers refuse their tokens once they fetch the keys again.']
            : []),
          '',
        ].join('\n'),
      );
    });
}

function wholeSeconds(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError('must be a whole number of seconds.');
  return Number(text);
}

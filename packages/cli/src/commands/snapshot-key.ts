import { Command, InvalidArgumentError, Option } from 'commander';
import { connectAdmin } from '../admin/connect.ts';
import { type Io, printResult } from '../io.ts';
import { type AdminOptions, examples, withAdmin } from './options.ts';

const DAY_SECONDS = 86_400;

/** `spanpass control-plane snapshot-key`: what auth servers pin. */
export function snapshotKeyCommand(io: Io): Command {
  return withAdmin(new Command('snapshot-key'))
    .description('print the public keys that snapshots are signed with, a JWK Set for snapshotKeysFile of auth servers')
    .addOption(
      new Option('--rotate [seconds]', 'make a new one, which signs after so long; pin what is printed before that')
        .argParser(wholeSeconds)
        .preset(String(DAY_SECONDS)),
    )
    .addHelpText(
      'after',
      examples(
        'spanpass control-plane snapshot-key > snapshot-keys.json',
        'spanpass control-plane snapshot-key --rotate',
      ),
    )
    .action(async (flags: AdminOptions & { rotate?: number }) => {
      const admin = await connectAdmin(io, flags);
      const keys =
        flags.rotate === undefined
          ? await admin.snapshotKeys()
          : await admin.rotateSnapshotKey({ signsInSeconds: flags.rotate });
      await printResult(io, true, keys, () => '');
    });
}

function wholeSeconds(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError('must be a whole number of seconds.');
  return Number(text);
}
